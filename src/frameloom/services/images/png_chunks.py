"""The structure of a PNG: signature, header and chunks. Their contents are not checked.

Source: https://www.w3.org/TR/png-3/, 5 Datastream structure and 11.2.1 IHDR.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Channels and permitted bit depths by colour type.
COLOUR_TYPES = {
    0: (1, (1, 2, 4, 8, 16)),
    2: (3, (8, 16)),
    3: (1, (1, 2, 4, 8)),
    4: (2, (8, 16)),
    6: (4, (8, 16)),
}
PALETTE = 3
_HEADER = struct.Struct(">IIBBBBB")
PNG_HEADER_BYTES = _HEADER.size
_CHUNK = struct.Struct(">I4s")
_CHECKSUM_BYTES = 4


class PngHeader(NamedTuple):
    """The fields of IHDR in their order; `bit_depth` is the bits of one channel."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    compression: int
    filtering: int
    interlace: int

    @property
    def channels(self) -> int:
        """The channels of a pixel.

        Raises:
            KeyError: the colour type is unknown.
        """
        return COLOUR_TYPES[self.colour_type][0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PngChunk:
    """A chunk at byte `begin` of a file, with its data from `start` to `end`; its checksum follows."""

    kind: bytes
    begin: int
    start: int
    end: int


def png_chunks(png: bytes) -> Iterator[PngChunk]:
    """Yield the chunks of a PNG up to and including IEND. No checksum is compared.

    Raises:
        struct.error: the file ends before IEND.
    """
    at, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = _CHUNK.unpack_from(png, at)
        start = at + _CHUNK.size
        yield PngChunk(kind=kind, begin=at, start=start, end=start + length)
        at = start + length + _CHECKSUM_BYTES


def png_header(png: bytes) -> PngHeader:
    """Return the header of a file whose first chunk is IHDR.

    Raises:
        struct.error: the file ends before the header does.
    """
    return PngHeader._make(_HEADER.unpack_from(png, len(PNG_SIGNATURE) + _CHUNK.size))
