"""Sets an open scene up for a job: what the job asks for, what every farm render needs, nothing else."""

from collections.abc import Iterator

import bpy

from frameloom.model.errors import DeviceMissing, InvalidRequest, NoCamera
from frameloom.model.settings import Device, RenderSettings
from frameloom.services.system.cpu import usable_cores

# EEVEE's id changed when it was rewritten (4.2) and back again (5.0).
_EEVEE = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
_ENGINES = {"CYCLES": "CYCLES", "EEVEE": _EEVEE, "WORKBENCH": "BLENDER_WORKBENCH"}


def set_up(settings: RenderSettings, *, file: str) -> bpy.types.Scene:
    """Apply the settings to the scene that they name, or the file's own, and return it.

    Raises:
        InvalidRequest: the file has no scene, camera or engine of that name, or holds code that the job does not
            trust.
        NoCamera: there is nothing to render from.
        DeviceMissing: Cycles has no such device here.
    """
    scene = _scene(settings)
    render = scene.render
    if not settings.trust_scripts:
        _refuse_cameras()
        _refuse_shaders()
    if settings.engine is not None:
        render.engine = _ENGINES[settings.engine]
    if settings.resolution_percentage is not None:
        render.resolution_percentage = settings.resolution_percentage
    if settings.samples is not None:
        _set_samples(scene, settings.samples)
    if render.engine == "CYCLES":
        _set_device(scene, settings.device or "CPU")
    _set_camera(scene, settings.camera, file)
    _set_image(scene, settings.format)
    # Pixels do not depend on it. The scene's own number is that of its artist's machine.
    render.threads_mode, render.threads = "FIXED", usable_cores()
    _confine(scene)
    return scene


def expected_size(scene: bpy.types.Scene) -> list[int] | None:
    """Return the size in pixels that Blender gives a frame, None where a crop leaves that to Blender."""
    render = scene.render
    if render.use_border and render.use_crop_to_border:
        return None
    percentage = render.resolution_percentage
    return [render.resolution_x * percentage // 100, render.resolution_y * percentage // 100]


def rendered_scenes(scene: bpy.types.Scene) -> list[str]:
    """Return the names of all scenes in a render of `scene`, its own first.

    The others are its background, its strips and the scenes of its compositor nodes, and recursively those of these.
    """
    found, pending = [scene.name], [scene]
    while pending:
        one = pending.pop()
        for other in (one.background_set, *_strip_scenes(one), *_node_scenes(one)):
            if other is not None and other.name not in found:
                found.append(other.name)
                pending.append(other)
    return found


def _strip_scenes(scene: bpy.types.Scene) -> list[bpy.types.Scene]:
    return [strip.scene for strip in _strips(scene) if strip.type == "SCENE"]


def _strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """Return the strips that a scene may render, those in meta strips too."""
    editor = scene.sequence_editor
    if editor is None or not scene.render.use_sequencer:
        return []
    # Blender 5 renamed them to match its interface.
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def _node_scenes(scene: bpy.types.Scene) -> list[bpy.types.Scene]:
    tree = scene.compositing_node_group if hasattr(scene, "compositing_node_group") else scene.node_tree
    if tree is None or not scene.render.use_compositing:
        return []
    return [node.scene for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers"]


def _scene(settings: RenderSettings) -> bpy.types.Scene:
    if settings.scene is None:
        return bpy.context.scene
    scene = bpy.data.scenes.get(settings.scene)
    if scene is None:
        raise InvalidRequest(field="scene", problem=f"the file has no scene {settings.scene!r}")
    return scene


def _set_camera(scene: bpy.types.Scene, name: str | None, file: str) -> None:
    if name is not None:
        camera = scene.objects.get(name)
        if camera is None or camera.type != "CAMERA":
            raise InvalidRequest(field="camera", problem=f"scene {scene.name!r} has no camera {name!r}")
        scene.camera = camera
        for marker in scene.timeline_markers:
            # A marker would switch back to the camera that it is bound to.
            marker.camera = None
    bound = any(marker.camera for marker in scene.timeline_markers)
    # Strips that are seen are rendered in the place of what the scene's own camera sees.
    edited = any(strip.type != "SOUND" and not strip.mute for strip in _strips(scene))
    if scene.camera is None and not (bound or edited):
        raise NoCamera(file=file, scene=scene.name)


def _set_samples(scene: bpy.types.Scene, samples: int) -> None:
    if scene.render.engine == "CYCLES":
        scene.cycles.samples = samples
    elif scene.render.engine == _EEVEE:
        scene.eevee.taa_render_samples = samples


def _set_device(scene: bpy.types.Scene, device: Device) -> None:
    """Have Cycles render on this device alone, whatever the scene was saved with: it decides pixels."""
    if device == "CPU":
        scene.cycles.device = "CPU"
        return
    cycles = bpy.context.preferences.addons["cycles"].preferences
    cycles.compute_device_type = device
    cycles.refresh_devices()
    for each in cycles.devices:
        # Not the CPU beside the cards, which would round its share of a frame in its own way.
        each.use = each.type == device
    # Without a card Cycles would go on with the CPU and say nothing.
    if not cycles.get_num_gpu_devices():
        raise DeviceMissing(wanted=device)
    scene.cycles.device = "GPU"


def _refuse_cameras() -> None:
    """Refuse cameras in Open Shading Language: Cycles runs their code even where shaders in it are switched off.

    The other cameras lose the code that they do not use: an animation could change their type after this.
    """
    for camera in bpy.data.cameras:
        if camera.type == "CUSTOM":
            problem = (
                f"the scene has a camera in Open Shading Language, {camera.name!r}: trust the scene, or change its type"
            )
            raise InvalidRequest(field="trust_scripts", problem=problem)
        if hasattr(camera, "custom_shader"):
            camera.custom_shader = None
            for name in ("custom_filepath", "custom_bytecode", "custom_bytecode_hash"):
                setattr(camera, name, "")


def _refuse_shaders() -> None:
    """Refuse shaders in Open Shading Language: code of whoever made the scene, which Cycles compiles and runs.

    Not switched off, for that would be another picture. One scene may have another rendered, in a strip say. Where the
    scenes have them switched off they lose their code: an animation could switch them on after this.
    """
    are_on = any(scene.cycles.shading_system for scene in bpy.data.scenes)
    for tree in _trees():
        for node in tree.nodes:
            if node.bl_idname != "ShaderNodeScript":
                continue
            if are_on:
                problem = (
                    f"the scene has a shader in Open Shading Language, {node.name!r}: trust it, or switch that off"
                )
                raise InvalidRequest(field="trust_scripts", problem=problem)
            node.script = None
            for name in ("filepath", "bytecode", "bytecode_hash"):
                setattr(node, name, "")


def _trees() -> Iterator[bpy.types.NodeTree]:
    """Yield all trees of nodes in the file."""
    data = bpy.data
    yield from data.node_groups
    for owner in (*data.materials, *data.worlds, *data.lights, *data.linestyles, *data.scenes):
        if (tree := getattr(owner, "node_tree", None)) is not None:
            yield tree


def _set_image(scene: bpy.types.Scene, file_format: str) -> None:
    image = scene.render.image_settings
    linear = image.linear_colorspace_settings.name
    if hasattr(image, "media_type"):
        # From 5.0 on, a scene set to video must be told first that it writes images.
        image.media_type = "IMAGE"
    image.file_format = file_format
    if linear:
        # Blender sets it to its default with the format, the same format too.
        image.linear_colorspace_settings.name = linear
    scene.render.use_file_extension = True


def _confine(scene: bpy.types.Scene) -> None:
    """Let the scene write where it is told and nowhere else, and say nothing of the machine that rendered it."""
    render = scene.render
    render.use_overwrite, render.use_placeholder = True, False
    if not render.use_stamp:
        # Stamps that are not burned into the picture are still written into the file: date, host, memory.
        for name in dir(render):
            if name.startswith("use_stamp_") and name != "use_stamp_note":
                setattr(render, name, False)
    for tree in _trees():
        for node in tree.nodes:
            if node.bl_idname == "CompositorNodeOutputFile":
                # It writes to any path that the scene names, without any script. No animation brings it back.
                node.mute = True
