"""`python -m benchmarks.instant_blender`: a worker whose Blender renders in no time.

Everything but Blender is the real worker, so it makes the AWS requests of a worker.
"""

import struct
import sys
import zlib
from pathlib import Path

from frameloom.model.settings import RenderSettings
from worker import __main__ as worker
from worker.blender import Blender
from worker.rendered_frame import RenderedFile, RenderedFrame

SECONDS = 0.001
SIZE = 64


class InstantBlender(Blender):
    """Opens any scene, and writes the same image for each frame."""

    def start(self, version: str | None = None, *, ocio: Path | None = None) -> None:
        """Do nothing: no process is needed."""
        del version, ocio

    def open(
        self,
        scene: Path,
        settings: RenderSettings,
        *,
        name: str,
        complete: bool = True,
        allowed: tuple[str, ...] = (),
        root: Path | None = None,
        absolute: Path | None = None,
    ) -> str | None:
        """Accept any scene; return None, since no process has a network."""
        del scene, settings, name, complete, allowed, root, absolute
        return None

    def render(self, frame: int, *paths: Path, run: range | None = None) -> RenderedFrame:
        """Write the image of a frame."""
        del run
        for path in paths:
            path.write_bytes(image())
        files = tuple(RenderedFile(path=path) for path in paths)
        return RenderedFrame(frame=frame, files=files, process="instant", size=None, depth=8, seconds=SECONDS)


def image(shade: int = 0x80) -> bytes:
    """Return a small PNG of one grey, eight bits a channel."""
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    row = b"\0" + bytes([shade]) * 3 * SIZE
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(row * SIZE)), (b"IEND", b""))
    packed = (struct.pack(">I", len(data)) + kind + data + _sum_of(kind + data) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def _sum_of(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


if __name__ == "__main__":
    setattr(worker, "Blender", InstantBlender)  # noqa: B010  mypy allows no assignment to a class
    sys.exit(worker.main())
