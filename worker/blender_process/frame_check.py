"""Looks at a frame that Blender has just written, in Blender's own process: what else reads all that it writes?

A PNG is decoded only where its first line is of one colour, a JPEG always, and an OpenEXR where nobody else can: as
Blender packs it unless told otherwise, the worker looks at it while the next frame renders
(src/frameloom/services/images/exr_pixels.py). Measured at
1920 x 1080 on two busy cores, medians: PNG 0.6 ms, 60 to 70 where it is decoded; JPEG 35 ms; OpenEXR 80 to 120 ms of
half floats, 140 of whole ones, none of it where the worker looks.
"""

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from frameloom.services.images.exr_pixels import Layout
from frameloom.services.images.flat_png import NEAR, png_may_be_flat

# A first look at every so many pixels, a number that no width is a multiple of.
_STRIDE = 997
# Bytes of a file that hold its header.
_HEADER = 65_536
_Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is to be seen: the one colour of all pixels, None where they differ, and what makes the frame unfit.

    `left` to whoever reads the file next: nothing was looked at.
    """

    flat: str | None = None
    problem: str | None = None
    left: bool = False


def look(path: Path, file_format: str) -> Look:
    """Return what is to be seen of a frame; one that is not whole is for the supervisor to find."""
    if file_format == "PNG" and not png_may_be_flat(path.read_bytes()):
        return Look()
    if file_format == "OPEN_EXR":
        with path.open("rb") as file:
            if Layout.of(file.read(_HEADER)) is not None:
                return Look(left=True)
    pixels = _pixels(path)
    if pixels is None:
        return Look(problem="Blender cannot read back what it wrote")
    if file_format == "OPEN_EXR" and (problem := _not_numbers(pixels)):
        return Look(problem=problem)
    # An OpenEXR is not rounded, so not dithered.
    return Look(flat=_one_colour(pixels, 0.0 if file_format == "OPEN_EXR" else (NEAR + 0.5) / 255))


def _pixels(path: Path) -> _Pixels | None:
    """Return an image's pixels, a row of channels each, None where Blender cannot read them."""
    image = None
    try:
        image = bpy.data.images.load(str(path))
        width, height = image.size
        found = np.empty(width * height * image.channels, np.float32)
        if not found.size:
            return None
        image.pixels.foreach_get(found)
        return found.reshape(-1, image.channels)
    except RuntimeError:
        return None
    finally:
        if image is not None:
            bpy.data.images.remove(image)


def _not_numbers(pixels: _Pixels) -> str | None:
    finite = np.isfinite(pixels)
    if finite.all():
        return None
    counts = {name: int((~finite[:, at]).sum()) for at, name in enumerate("RGBA"[: pixels.shape[1]])}
    channels = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
    return f"of its {len(pixels)} pixels some are NaN or infinite ({channels})"


def _one_colour(pixels: _Pixels, spread: float) -> str | None:
    """Return the lowest value of each channel where none spreads over more than `spread`."""
    if any(np.ptp(channel) > spread for channel in pixels[::_STRIDE].T):
        return None
    lowest = [float(channel.min()) for channel in pixels.T]
    if any(channel.max() - low > spread for channel, low in zip(pixels.T, lowest, strict=True)):
        return None
    return "_".join(f"{value:.6g}" for value in lowest)
