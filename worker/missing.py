"""What an open scene refers to and Blender does not find: it would render on, in magenta or with things left out."""

import os
from pathlib import Path

import bpy

from frameloom.model.assets import Reference, Spread, pattern

# The sources of an image that are files, and what its path then stands for.
_SPREADS: dict[str, Spread] = {"FILE": "file", "MOVIE": "file", "SEQUENCE": "sequence", "TILED": "tiles"}


def missing_files() -> list[str]:
    """Return the paths, as they stand in the scene, of images and libraries that are neither packed nor there."""
    return sorted({*_missing_images(), *_missing_libraries()})


def _missing_images() -> list[str]:
    return [
        image.filepath
        for image in bpy.data.images
        if image.source in _SPREADS
        and image.filepath
        and image.users > image.use_fake_user
        and not image.packed_files
        and not _there(bpy.path.abspath(image.filepath, library=image.library), _SPREADS[image.source])
    ]


def _missing_libraries() -> list[str]:
    return [
        library.filepath
        for library in bpy.data.libraries
        if library.packed_file is None
        and not _there(bpy.path.abspath(library.filepath, library=library.parent), "file")
    ]


def _there(path: str, spread: Spread) -> bool:
    path = os.path.normpath(path)
    alike = pattern(path, Reference(path=path, spread=spread))
    if alike is None:
        return Path(path).exists()
    folder = Path(path).parent
    return folder.is_dir() and any(alike.expression.fullmatch(str(file)) for file in folder.iterdir())
