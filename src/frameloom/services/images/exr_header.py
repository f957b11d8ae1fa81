"""The headers of an OpenEXR file, one for each of its parts.

Source: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

EXR_SIGNATURE = b"\x76\x2f\x31\x01"
# Values of the attribute `compression`, in the order of the standard.
COMPRESSIONS = ("NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
# The flag of a file with several parts, in its version.
SEVERAL_PARTS = 0x1000
# Signature and version.
_FIRST_ATTRIBUTE = 8
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ExrAttribute:
    """An attribute's type, such as b"chlist", and its value, which starts at byte `start` of the file."""

    kind: bytes
    start: int
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExrHeader:
    """The attributes by name; in a file of one part the table of block offsets starts at byte `end`.

    The properties raise KeyError, IndexError or struct.error if their attribute is missing or malformed.
    """

    attributes: dict[bytes, ExrAttribute]
    end: int

    @property
    def compression(self) -> str:
        """The compression's name, as in `COMPRESSIONS`."""
        return COMPRESSIONS[self.attributes[b"compression"].value[0]]

    @property
    def data_window(self) -> tuple[int, int, int, int]:
        """The first column and line and the last column and line of the pixels."""
        left, top, right, bottom = struct.unpack("<4i", self.attributes[b"dataWindow"].value)
        return left, top, right, bottom

    @property
    def channels(self) -> dict[str, int]:
        """The type of each channel by its name: 0 for unsigned integers, 1 for half and 2 for 32-bit floats."""
        return dict(_channels(self.attributes[b"channels"].value))


def exr_headers(exr: bytes) -> tuple[list[ExrHeader], int]:
    """Return the headers of the parts of an OpenEXR file, and the byte at which their tables of offsets start.

    Raises:
        struct.error: the file ends before its headers do.
    """
    found, at = [], _FIRST_ATTRIBUTE
    if not struct.unpack_from("<I", exr, 4)[0] & SEVERAL_PARTS:
        only = exr_header(exr)
        return [only], only.end
    # An empty header is the end.
    while exr[at : at + 1] != b"\0":
        found.append(exr_header(exr, at))
        at = found[-1].end
    return found, at + 1


def exr_header(exr: bytes, at: int = _FIRST_ATTRIBUTE) -> ExrHeader:
    """Return the first header of an OpenEXR file, or of its first bytes.

    Args:
        at: the byte at which the header starts.

    Raises:
        struct.error: the file ends before its header does.
    """
    attributes = {}
    while name := _text(exr, at):
        at += len(name) + 1
        kind = _text(exr, at)
        at += len(kind) + 1
        (length,) = struct.unpack_from("<I", exr, at)
        start = at + 4
        attributes[name] = ExrAttribute(kind=kind, start=start, value=exr[start : start + length])
        at = start + length
    return ExrHeader(attributes=attributes, end=at + 1)


def _channels(value: bytes) -> Iterator[tuple[str, int]]:
    at = 0
    while name := _text(value, at):
        at += len(name) + 1
        yield name.decode("latin-1"), struct.unpack_from("<i", value, at)[0]
        # Type, linearity with three bytes of padding, and sampling across and down.
        at += 16


def _text(data: bytes, at: int) -> bytes:
    end = data.find(b"\0", at, at + _LONGEST_NAME + 1)
    if end < 0:
        raise struct.error("a name has no end")
    return data[at:end]
