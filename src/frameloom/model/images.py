"""Whether the bytes of an image are a whole one: what a full disk or a cut connection leaves is not.

Each check walks the structure of its format from the first byte to the last. No pixel is decoded, so a 4K frame
takes milliseconds.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

from frameloom.model.errors import FrameInvalid
from frameloom.model.exr import read_exr
from frameloom.model.settings import FrameFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """What an image says of itself: its size in pixels, the bits of one channel and how many channels."""

    width: int
    height: int
    bit_depth: int
    channels: int
