"""Finds files that an open scene refers to and that are missing or damaged: Blender would render without them.

The structure of an image shows in milliseconds whether it is complete. Blender decodes images of other formats. On two
busy cores a PNG of 4096 x 4096 pixels of noise, 50 MB, takes 60 ms, and 320 ms to decode.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import bpy

from frameloom.model.assets import PathKind, Reference, key_pattern
from frameloom.model.errors import FrameInvalid
from frameloom.services.images.integrity import check_image, image_format
from worker.blender_process.unseen_images import unseen_images

DAMAGED = " (damaged)"
# The sources of an image that are files, with the files that its path stands for.
_KINDS: dict[str, PathKind] = {"FILE": "file", "MOVIE": "file", "SEQUENCE": "sequence", "TILED": "tiles"}


def missing_files() -> list[str]:
    """Return the paths, as written in the scene, of images and libraries that are neither packed nor on the disk.

    Images that no frame shows are left out.

    An image that cannot be read has " (damaged)" after its path. Sequences, tiles and films are not read before they
    render, so only their existence is checked.
    """
    images = dict(_missing_images())
    unseen = set(unseen_images(images))
    return sorted({*(text for image, text in images.items() if image not in unseen), *_missing_libraries()})


def _missing_images() -> Iterator[tuple[bpy.types.Image, str]]:
    for image in bpy.data.images:
        if image.source not in _KINDS or not image.filepath or image.packed_files:
            continue
        if image.users <= image.use_fake_user:
            continue
        path = bpy.path.abspath(image.filepath, library=image.library)
        if not _exists(path, _KINDS[image.source]):
            yield image, image.filepath
        elif image.source == "FILE" and not (_is_complete(Path(path)) or _decodes(image)):
            yield image, f"{image.filepath}{DAMAGED}"


def _is_complete(path: Path) -> bool:
    """Return whether the structure of a file is that of a complete image; False for other formats."""
    try:
        data = path.read_bytes()
        found = image_format(data)
        if found is None:
            return False
        check_image(data, format=found, frame=0, size=None)
    except (OSError, FrameInvalid):
        return False
    return True


def _decodes(image: bpy.types.Image) -> bool:
    try:
        return all(image.size)
    finally:
        # Cycles reads the file itself, so these pixels are not needed.
        image.buffers_free()


def _missing_libraries() -> list[str]:
    return [
        library.filepath
        for library in bpy.data.libraries
        if not _exists(bpy.path.abspath(library.filepath, library=library.parent), "file") and is_linked(library)
    ]


def is_linked(library: bpy.types.Library) -> bool:
    """Return whether the scene holds data that Blender reads from a library's file; it reads none for packed data."""
    if library.packed_file is not None or getattr(library, "is_archive", False):
        return False
    return bool(library.users_id)


def _exists(path: str, kind: PathKind) -> bool:
    path = os.path.normpath(path)
    alike = key_pattern(path, Reference(path=path, kind=kind))
    if alike is None:
        return Path(path).exists()
    folder = Path(path).parent
    return folder.is_dir() and any(alike.expression.fullmatch(str(file)) for file in folder.iterdir())
