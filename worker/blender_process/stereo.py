"""Stereo scenes in Blender: their views, and the files that Blender writes for a frame."""

from collections.abc import Iterable
from pathlib import Path

import bpy

from frameloom.model.settings import FrameFormat
from frameloom.model.views import Views, rendered_views, view_suffix


def find_views(scene: bpy.types.Scene) -> Views | None:
    """Return the views of a scene with Stereoscopy, None for other scenes."""
    render, image = scene.render, scene.render.image_settings
    if not render.use_multiview:
        return None
    stereo = image.stereo_3d_format
    return Views(
        rendered=rendered_views(
            ((view.name, view.file_suffix, view.use) for view in render.views),
            stereo=render.views_format == "STEREO_3D",
        ),
        # Blender 4.5 has no name for Multi-View once the scene's format is not OpenEXR.
        format=image.views_format or "MULTIVIEW",
        display=stereo.display_mode,
        squeezed=stereo.use_squeezed_frame,
        by_camera=render.views_format != "STEREO_3D",
    )


def keep_views_format(scene: bpy.types.Scene, views: Views | None, file_format: FrameFormat) -> None:
    """Set how pictures hold the views, which a change of the scene's format may have reset, and make names of suffixes.

    Args:
        views: those before the change.
    """
    if views is not None:
        scene.render.image_settings.views_format = views.format_for(file_format)
        for view in scene.render.views:
            # Blender would write into the folders of a suffix with slashes.
            view.file_suffix = view_suffix(view.file_suffix)


def written_files(scene: bpy.types.Scene, picture: Path) -> list[Path]:
    """Return the files that Blender writes for a frame, in the order of the views.

    Args:
        picture: the file of a scene without views.
    """
    views = find_views(scene)
    image = scene.render.image_settings
    if views is None or not views.rendered or image.views_format != "INDIVIDUAL":
        return [picture]
    files = [picture.with_name(f"{picture.stem}{view.suffix}{picture.suffix}") for view in views.rendered]
    # A still of one view has no suffix; an animation has.
    return [picture] if len(files) == 1 and not files[0].exists() else files


def shared_size(scene: bpy.types.Scene, size: Iterable[int]) -> list[int]:
    """Return the size of a picture with the views that share it, given that of one view."""
    width, height = size
    views = find_views(scene)
    return [width, height] if views is None else list(views.enlarged((width, height)))
