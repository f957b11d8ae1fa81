"""Reads text and the names of data-blocks from the blocks of a .blend file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFileBlock


def decode(text: bytes) -> str:
    """Return UTF-8 text, with invalid bytes replaced."""
    return text.decode("utf-8", errors="replace")


def name_of(block: "BlendFileBlock") -> str:
    """Return the name of a data-block."""
    return typed_name(block)[1]


def typed_name(block: "BlendFileBlock") -> tuple[str, str]:
    """Return the two letters of a data-block's type, and its name: a file stores OBCamera."""
    # A placeholder for a data-block in another file has only a name.
    name = decode(block.get(b"name" if block.code == b"ID" else (b"id", b"name")))
    return name[:2], name[2:]
