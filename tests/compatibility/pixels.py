"""Compares image files by all that a viewer shows: pixels at full depth, channels, sizes, colour and pixel aspect."""

import hashlib
import io
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import OpenEXR
from PIL import Image

from frameloom.services.images.png_chunks import PNG_SIGNATURE, png_chunks

# Chunks of a PNG that do not change the picture: text with the file's name and the time of rendering, and Exif.
_SILENT = {b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf", b"IEND"}
_EXR_SIGNATURE = b"\x76\x2f\x31\x01"
# Attributes of an OpenEXR that describe the picture.
_EXR_ATTRIBUTES = ("compression", "dataWindow", "displayWindow", "pixelAspectRatio", "chromaticities", "name", "view")


def difference(plain: Mapping[str, bytes], farm: Mapping[str, bytes]) -> str | None:
    """Return how the files of a farm differ from those of plain Blender, by their names; None if they do not."""
    if plain.keys() != farm.keys():
        return f"plain Blender wrote {', '.join(sorted(plain))}; the farm wrote {', '.join(sorted(farm)) or 'nothing'}"
    for name, data in sorted(plain.items()):
        ours, theirs = parts(farm[name]), parts(data)
        unequal = sorted(part for part in ours.keys() | theirs.keys() if ours.get(part) != theirs.get(part))
        if unequal:
            return f"{name}: {', '.join(unequal)}"
    return None


def parts(data: bytes) -> dict[str, str]:
    """Return digests of the parts of an image file, by their names."""
    if data.startswith(PNG_SIGNATURE):
        return _png(data)
    if data.startswith(_EXR_SIGNATURE):
        return _exr(data)
    with Image.open(io.BytesIO(data)) as image:
        return {"form": f"{image.mode} {image.size}", "pixels": _digest(image.tobytes())}


def _png(data: bytes) -> dict[str, str]:
    # Blender encodes equal pixels as equal lines. Pillow would reduce 16 bits to 8.
    found, pixels = {}, zlib.decompressobj()
    lines = hashlib.sha256()
    for chunk in png_chunks(data):
        body = data[chunk.start : chunk.end]
        if chunk.kind == b"IDAT":
            lines.update(pixels.decompress(body))
        elif chunk.kind not in _SILENT:
            found[chunk.kind.decode()] = _digest(body)
    return found | {"pixels": lines.hexdigest()}


def _exr(data: bytes) -> dict[str, str]:
    found = {}
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        Path(file.name).write_bytes(data)
        with OpenEXR.File(file.name, separate_channels=True) as image:
            for number, part in enumerate(image.parts):
                for name in _EXR_ATTRIBUTES:
                    if name in part.header:
                        found[f"{number} {name}"] = str(part.header[name])
                for name, channel in part.channels.items():
                    found[f"{number} {name}"] = f"{channel.pixels.dtype} {_digest(channel.pixels.tobytes())}"
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
