"""Sets an open scene up for a job: the job's settings and the settings that each farm render needs, nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from frameloom.model.errors import DeviceMissing, InvalidRequest
from frameloom.model.scene import check_sources
from frameloom.model.settings import Device, FrameFormat, RenderSettings
from frameloom.services.system.cpu import usable_cores
from worker.blender_process.find_sources import find_sources
from worker.blender_process.frame_metadata import settle_stamps
from worker.blender_process.stereo import find_views, keep_views_format, shared_size

# EEVEE's id changed when it was rewritten (4.2) and back again (5.0).
_EEVEE = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"
_ENGINES = {"CYCLES": "CYCLES", "EEVEE": _EEVEE, "WORKBENCH": "BLENDER_WORKBENCH"}


def set_up(settings: RenderSettings, *, file: str) -> bpy.types.Scene:
    """Apply the settings to the scene that they name, else to the file's active scene, and return that scene.

    Raises:
        InvalidRequest: the file has no scene, camera or engine of that name, or has code that the job does not trust;
            or the scene's compositor has no output.
        NoCamera: the picture needs the camera of a scene without one.
        DeviceMissing: this worker has no such device.
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
    # The number of threads does not change pixels. The scene has the number of its artist's machine.
    render.threads_mode, render.threads = "FIXED", usable_cores()
    _confine(scene)
    settle_stamps(file)
    return scene


@contextmanager
def smallest(scene: bpy.types.Scene) -> Iterator[None]:
    """Make frames of the scene as small and quick as possible within the context."""
    render = scene.render
    own = render.resolution_percentage, render.use_border, scene.cycles.samples
    # At least a pixel in each direction. The crop could leave none.
    render.resolution_percentage = 100 // min(render.resolution_x, render.resolution_y) + 1
    render.use_border, scene.cycles.samples = False, 1
    try:
        yield
    finally:
        render.resolution_percentage, render.use_border, scene.cycles.samples = own


def expected_size(scene: bpy.types.Scene) -> list[int] | None:
    """Return the width and height of a frame in pixels; None if the scene crops frames to a border."""
    render = scene.render
    if render.use_border and render.use_crop_to_border:
        return None
    percentage = render.resolution_percentage
    return shared_size(scene, (render.resolution_x * percentage // 100, render.resolution_y * percentage // 100))


def _scene(settings: RenderSettings) -> bpy.types.Scene:
    if settings.scene is None:
        return bpy.context.scene
    scene = bpy.data.scenes.get(settings.scene)
    if scene is None:
        raise InvalidRequest(field="scene", problem=f"the file has no scene {settings.scene!r}")
    return scene


def _set_camera(scene: bpy.types.Scene, name: str | None, file: str) -> None:
    if name is not None:
        scene.camera = _camera(scene, name, file)
        for marker in scene.timeline_markers:
            # A marker would switch back to the camera that it is bound to.
            marker.camera = None
    check_sources(scene.name_full, {one.name_full: find_sources(one) for one in bpy.data.scenes}, file=file)


def _camera(scene: bpy.types.Scene, name: str, file: str) -> bpy.types.Object:
    """Return the camera with this name: the scene's own, else one of the file, else one linked from another file."""
    of_file = sorted(bpy.data.objects, key=lambda each: each.library is not None)
    for each in (*scene.objects, *of_file):
        if each.name == name and each.type == "CAMERA":
            return each
    raise InvalidRequest(field="camera", problem=f"{file!r} has no camera {name!r}")


def _set_samples(scene: bpy.types.Scene, samples: int) -> None:
    if scene.render.engine == "CYCLES":
        scene.cycles.samples = samples
    elif scene.render.engine == _EEVEE:
        scene.eevee.taa_render_samples = samples


def _set_device(scene: bpy.types.Scene, device: Device) -> None:
    """Make Cycles render on this device alone, since the device changes pixels."""
    if device == "CPU":
        scene.cycles.device = "CPU"
        return
    cycles = bpy.context.preferences.addons["cycles"].preferences
    cycles.compute_device_type = device
    cycles.refresh_devices()
    for each in cycles.devices:
        # Not the CPU as well: it rounds differently.
        each.use = each.type == device
    # Without a GPU, Cycles would render on the CPU without a warning.
    if not cycles.get_num_gpu_devices():
        raise DeviceMissing(wanted=device)
    scene.cycles.device = "GPU"


def _refuse_cameras() -> None:
    """Refuse cameras in Open Shading Language: Cycles runs their code even if OSL shaders are switched off.

    Other cameras lose their unused code, since an animation could change their type later.
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
    """Refuse shaders in Open Shading Language, which are code in the scene that Cycles compiles and runs.

    To switch them off would change the picture. All scenes count, since a scene can render others. If all scenes have
    OSL switched off, the shaders lose their code, since an animation could switch OSL on later.
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
    """Yield all node trees in the file."""
    data = bpy.data
    yield from data.node_groups
    for owner in (*data.materials, *data.worlds, *data.lights, *data.linestyles, *data.scenes):
        if (tree := getattr(owner, "node_tree", None)) is not None:
            yield tree


def _set_image(scene: bpy.types.Scene, file_format: FrameFormat) -> None:
    image, views = scene.render.image_settings, find_views(scene)
    linear = image.linear_colorspace_settings.name
    if hasattr(image, "media_type"):
        # From 5.0 on, a scene that is set to video only takes image formats after this.
        image.media_type = "IMAGE"
    image.file_format = file_format
    if linear:
        # Setting the format resets it to its default, even if the format stays the same.
        image.linear_colorspace_settings.name = linear
    keep_views_format(scene, views, file_format)
    scene.render.use_file_extension = True


def _confine(scene: bpy.types.Scene) -> None:
    """Make the scene write its frames and no other files."""
    render = scene.render
    render.use_overwrite, render.use_placeholder = True, False
    for tree in _trees():
        for node in tree.nodes:
            if node.bl_idname == "CompositorNodeOutputFile":
                # It writes to any path in the scene, without a script. No animation can unmute it.
                node.mute = True
