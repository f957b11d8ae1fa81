"""The header of an OpenEXR file of one part.

Source: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

EXR_SIGNATURE = b"\x76\x2f\x31\x01"
# Values of the attribute `compression`, in the order of the standard.
COMPRESSIONS = ("NONE", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
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
    """The attributes by name; the table of block offsets starts at byte `end`.

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


def exr_header(exr: bytes) -> ExrHeader:
    """Return the header of an OpenEXR file, or of its first bytes.

    Raises:
        struct.error: the file ends before its header does.
    """
    attributes, at = {}, _FIRST_ATTRIBUTE
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
