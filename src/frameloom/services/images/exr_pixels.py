"""The pixels of an OpenEXR frame: whether they can be unpacked, are finite, and are all of one colour.

OpenEXR's own library unpacks them, in any compression: docs/decisions/0023-openexr-reader.md. It releases Python's
lock meanwhile, so the worker checks a frame while Blender renders the next one.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenEXR
from numpy.typing import NDArray

from frameloom.services.images.exr_header import exr_headers
from frameloom.services.images.integrity import ImageFacts

# Bytes of pixels that are unpacked at most, in the worker's own memory: 16,384 x 16,384 pixels of four 32-bit floats.
LARGEST = 2**32
# Bytes at the beginning of a file that hold its header.
_HEADER_BYTES = 65_536
_ORDER = "RGBA"


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFindings:
    """The colour of a flat frame, None if the frame is not flat, and the reason why a frame must not be stored."""

    flat: str | None = None
    problem: str | None = None


def check_pixels(path: Path, facts: ImageFacts) -> PixelFindings:
    """Return the findings of an OpenEXR with these facts, from `check_exr`; none for one of more than `LARGEST`.

    Texts in the file's header that are not UTF-8 are changed.
    """
    if facts.width * facts.height * facts.channels * facts.bit_depth // 8 > LARGEST:
        return PixelFindings()
    try:
        channels = _channels(path)
    except (RuntimeError, ValueError, struct.error):
        return PixelFindings(problem="its pixels cannot be unpacked")
    if invalid := {name: count for name, pixels in channels.items() if (count := _not_finite(pixels))}:
        counts = ", ".join(f"{name} {count}" for name, count in invalid.items())
        return PixelFindings(problem=f"of its {facts.width * facts.height} pixels some are NaN or infinite ({counts})")
    if not all(_is_flat(pixels) for pixels in channels.values()):
        return PixelFindings()
    return PixelFindings(flat="_".join(f"{float(pixels[0, 0]):.6g}" for pixels in channels.values()))


def _channels(path: Path) -> dict[str, NDArray[np.generic]]:
    """Return the pixels by channel, R, G, B and A first."""
    try:
        found = _read(path)
    except UnicodeDecodeError:
        _make_texts_ascii(path)
        found = _read(path)
    return dict(sorted(found.items(), key=lambda item: _place(item[0])))


def _read(path: Path) -> dict[str, NDArray[np.generic]]:
    with path.open("rb") as head:
        parts = len(exr_headers(head.read(_HEADER_BYTES))[0])
    # Zero threads: in this one. If a block is damaged, the library prints the reason, and the file has no parts.
    with OpenEXR.File(str(path), separate_channels=True, num_threads=0) as file:
        if len(file.parts) != parts:
            raise ValueError("a part cannot be read")
        # The views of a stereo frame may be parts with the same channels.
        found = [(part, *channel) for part in range(parts) for channel in file.channels(part).items()]
        return {f"{part}.{name}" if part else name: channel.pixels for part, name, channel in found}


def _make_texts_ascii(path: Path) -> None:
    """Replace the bytes of a header's texts that are not ASCII by question marks.

    Blender cuts a long text, such as a scene's note, in the middle of a character, and OpenEXR's library refuses that.
    """
    with path.open("r+b") as file:
        headers, _ = exr_headers(file.read(_HEADER_BYTES))
        for attribute in [each for header in headers for each in header.attributes.values()]:
            if attribute.kind == b"string" and not attribute.value.isascii():
                file.seek(attribute.start)
                file.write(bytes(byte if byte < 0x80 else ord("?") for byte in attribute.value))


def _not_finite(pixels: NDArray[np.generic]) -> int:
    return pixels.size - int(np.count_nonzero(np.isfinite(pixels)))


def _is_flat(pixels: NDArray[np.generic]) -> bool:
    # Nearly every frame has two colours in its first line.
    return bool((pixels[0] == pixels[0, 0]).all()) and bool((pixels == pixels[0, 0]).all())


def _place(name: str) -> tuple[int, str]:
    at = _ORDER.find(name)
    return len(_ORDER) if at < 0 else at, name
