"""Makes the metadata in frames the same on every worker, whether Blender burns it into the picture or not."""

from pathlib import PurePosixPath

import bpy

from frameloom.model.stamps import OF_MACHINE

# Of MAX_STAMP_TEXT in Blender's DNA_scene_types.h, in bytes.
_LONGEST_NOTE = 767


def settle_stamps(file: str) -> None:
    """Settle the stamps of all scenes, since a scene can render others.

    Args:
        file: the key of the scene's file, whose last part a stamp shows.
    """
    for scene in bpy.data.scenes:
        if scene.render.use_stamp:
            _settle_burnt(scene.render, PurePosixPath(file).name)
        else:
            _remove(scene.render)


def _settle_burnt(render: bpy.types.RenderSettings, file: str) -> None:
    """Leave out the parts that depend on the machine, and show the file's name alone instead of the worker's path.

    The name becomes the first line of the note: Blender fills in the path itself, and draws it in the same place, since
    all parts between the two are left out.
    """
    for name in OF_MACHINE:
        setattr(render, name, False)
    if render.use_stamp_filename:
        line = f"File {file}" if render.use_stamp_labels else file
        note = f"{line}\n{render.stamp_note_text}" if render.use_stamp_note else line
        render.stamp_note_text = note.encode()[:_LONGEST_NOTE].decode(errors="ignore")
        render.use_stamp_filename, render.use_stamp_note = False, True


def _remove(render: bpy.types.RenderSettings) -> None:
    """Keep Blender from writing the metadata into the file: date, host and memory."""
    for name in dir(render):
        if name.startswith("use_stamp_") and name != "use_stamp_note":
            setattr(render, name, False)
