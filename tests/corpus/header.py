"""Reads the version of Blender in a file's header, also of files that the farm's reader refuses."""

import gzip
import re
from pathlib import Path

import zstandard

# The classic header, and the one since 5.0: pointer size, byte order, version.
_CLASSIC = re.compile(rb"BLENDER[_-][vV](\d)(\d\d)")
_LARGE = re.compile(rb"BLENDER\d\d-\d\dv(\d\d)(\d\d)")
_LENGTH = 17


def saved_by(path: Path) -> str:
    """Return the version of the Blender that saved a file, such as 4.5; empty if it is not a .blend file."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        try:
            if start.startswith(b"\x1f\x8b"):
                header = gzip.GzipFile(fileobj=file).read(_LENGTH)
            elif start == b"\x28\xb5\x2f\xfd":
                header = zstandard.ZstdDecompressor().stream_reader(file).read(_LENGTH)
            else:
                header = file.read(_LENGTH)
        except (OSError, EOFError, zstandard.ZstdError):
            return ""
    found = _CLASSIC.match(header) or _LARGE.match(header)
    return "" if found is None else f"{int(found[1])}.{int(found[2])}"
