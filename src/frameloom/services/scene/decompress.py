"""Decompresses .blend files: Blender before 3.0 wrote gzip, later versions write zstd."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from frameloom.services.scene.blend_format import DAMAGED, INCOMPLETE, NOT_A_BLEND, BadBlendError

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
_BUFFER = 2**20


@contextmanager
def decompressed(file: io.BufferedReader, magic: bytes) -> Iterator[io.BufferedIOBase]:
    """Yield a stream of the decompressed bytes of `file`; errors of the stream become BadBlendError.

    Args:
        magic: the first four bytes of the file.
    """
    if magic[:2] == _GZIP:
        try:
            with gzip.GzipFile(fileobj=file) as source:
                yield source
        except EOFError:
            raise BadBlendError(INCOMPLETE) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise BadBlendError(DAMAGED) from error
    elif magic == _ZSTD or _ZSTD_SKIPPABLE.fullmatch(magic):
        # Imported here, so that a Lambda that reads no zstd scene does not pay for the import.
        import zstandard  # noqa: PLC0415

        if not _is_whole(file):
            raise BadBlendError(INCOMPLETE)
        try:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True, closefd=False)
            with io.BufferedReader(cast("io.RawIOBase", reader), _BUFFER) as source:
                yield source
        except zstandard.ZstdError as error:
            raise BadBlendError(DAMAGED) from error
    else:
        raise BadBlendError(NOT_A_BLEND)


def _is_whole(file: io.BufferedReader) -> bool:
    """Return whether the last frame of a zstd file ends at the end of the file; leave `file` at its start.

    zstandard's reader accepts a file that ends within a frame.
    """
    end, at = file.seek(0, io.SEEK_END), 0
    while at < end:
        at = _end_of_frame(file, at)
    file.seek(0)
    return at == end


def _end_of_frame(file: io.BufferedReader, at: int) -> int:
    """Return the end of the zstd frame at `at`, beyond the file's end if the frame is cut. Source: RFC 8878, 3.1."""
    file.seek(at)
    start = file.read(8).ljust(8, b"\0")
    if start[:4] != _ZSTD:  # A skippable frame, or garbage, which the decompressor refuses.
        return at + 8 + int.from_bytes(start[4:], "little")
    flags = start[4]
    single = flags >> 5 & 1
    at += 5 + (1 - single) + (0, 1, 2, 4)[flags & 3] + (single, 2, 4, 8)[flags >> 6]
    last = 0
    while not last:
        file.seek(at)
        head = file.read(3)
        if len(head) < 3:
            return at + 3
        number = int.from_bytes(head, "little")
        last, kind, size = number & 1, number >> 1 & 3, number >> 3
        at += 3 + (1 if kind == 1 else size)  # A block of one repeated byte has a body of one byte.
    return at + (4 if flags & 4 else 0)  # The checksum.
