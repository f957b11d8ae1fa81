"""The room for a film's index is large enough for films of any length and any frames."""

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from av.packet import Packet

from frameloom.services.video import CODECS, encode_segment, index_room, join_segments
from frameloom.services.video.av_io import writing
from frameloom.services.video.codec_settings import muxer_options
from tests.unit.video_images import film, numbered, numbered_frames

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FPS = Fraction(24)
GIB4 = 4 * 1024**3


class Beginning(io.RawIOBase):
    """A file that keeps its first `kept` bytes and the length of the rest."""

    def __init__(self, kept: int) -> None:
        self.data, self.position, self.length = bytearray(kept), 0, 0

    def write(self, data: "ReadableBuffer") -> int:
        piece = memoryview(data).cast("B")
        room = self.data[self.position : self.position + len(piece)]
        self.data[self.position : self.position + len(room)] = piece[: len(room)]
        self.position += len(piece)
        self.length = max(self.length, self.position)
        return len(piece)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.length}[whence] + offset
        return self.position

    def tell(self) -> int:
        return self.position


def mux(
    folder: Path, frames: int, *, sizes: tuple[int, ...] = (1,), uneven: bool = False, kind: str = "mp4"
) -> Beginning:
    """Write a film of empty frames; `uneven` makes the index as large as possible."""
    out, template = Beginning(index_room(frames) + 200), folder / "template.mp4"
    encode_segment(numbered_frames(0, 1), template, film(numbered(0).size, FPS))
    room = muxer_options(FPS) | {"moov_size": str(index_room(frames))}
    with av.open(template) as source, writing(out, "the film", kind=kind, options=room) as container:
        stream, data, shown = (
            container.add_stream_from_template(source.streams.video[0], opaque=True),
            [bytes(size) for size in sizes],
            0,
        )
        for number in range(frames):
            packet = Packet(data[number % len(sizes)])
            packet.stream, packet.time_base = stream, 1 / (1000 * FPS)
            packet.dts, packet.duration = shown, 1000
            packet.pts = shown + (number % 7 * 1000 if uneven else 0)
            packet.is_keyframe = number % 2 == 0 if uneven else number % 48 == 0
            shown += 1000 + (number % 5 * 100 if uneven else 0)
            container.mux(packet)
    return out


def boxes(out: Beginning) -> dict[str, int]:
    """Return the lengths of a film's top-level boxes; `free` is the room after the index."""
    found: dict[str, int] = {}
    at = 0
    while at < min(len(out.data), out.length):
        length, kind = int.from_bytes(out.data[at : at + 4], "big"), bytes(out.data[at + 4 : at + 8]).decode()
        if length == 1:
            length = int.from_bytes(out.data[at + 8 : at + 16], "big")
        found.setdefault(kind, length)
        at += length
    return found


@pytest.mark.parametrize("frames", [1, 2, 500, 120_000])
@pytest.mark.parametrize("uneven", [False, True])
def test_the_index_fits_in_its_room(tmp_path: Path, frames: int, *, uneven: bool) -> None:
    found = boxes(mux(tmp_path, frames, uneven=uneven))
    assert list(found) == ["ftyp", "moov", "free", "mdat"]
    assert found["moov"] + found["free"] == index_room(frames)
    # The encoder's headers are missing here. x265's take 2.5 kB.
    assert found["free"] > 8_000


@pytest.mark.parametrize("kind", ["mp4", "mov"])
def test_the_index_of_a_film_of_more_than_4_gib_fits_in_its_room(tmp_path: Path, kind: str) -> None:
    # Chunks of one frame and of two, with 64-bit offsets.
    out = mux(tmp_path, 7_500, sizes=(1024 * 1024, 400_000, 410_000), uneven=True, kind=kind)
    found = boxes(out)
    assert out.length > GIB4
    assert found["mdat"] > GIB4
    assert b"co64" in out.data
    assert b"stco" not in out.data
    assert found["moov"] + found["free"] == index_room(7_500)
    assert found["moov"] > 0.7 * 45 * 7_500


@pytest.mark.parametrize("codec", CODECS)
def test_the_index_with_the_headers_of_each_codec_fits_in_its_room(tmp_path: Path, codec: str) -> None:
    options = film(numbered(0).size, FPS, codec=codec)
    segment = tmp_path / f"0.{options.container}"
    encode_segment(numbered_frames(0, 3), segment, options)
    out = Beginning(index_room(3) + 200)
    join_segments(one(segment), out, FPS, frames=3, kind=options.container)
    assert boxes(out)["free"] > 8_000


def one(path: Path) -> Iterator[tuple[str, io.IOBase]]:
    with path.open("rb") as file:
        yield path.name, file
