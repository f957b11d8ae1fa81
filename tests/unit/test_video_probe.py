"""The facts of a video file, as tests read them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from frameloom.model.errors import EncodeFailed
from frameloom.services.video import encode_segment
from tests.unit.video_images import film, join, numbered, numbered_frames
from tests.video_probe import VideoFacts, count_packets, probe

OPTIONS = film(numbered(0).size, Fraction(24000, 1001))


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    encode_segment(numbered_frames(0, 30), tmp_path / "segment.mp4", OPTIONS)
    return tmp_path / "segment.mp4"


def test_facts_are_those_of_the_video(segment: Path) -> None:
    assert probe(segment) == VideoFacts(
        frames=30,
        fps=Fraction(24000, 1001),
        size=(160, 48),
        duration=Fraction(30 * 1001, 24000),
        codec="h264",
        pix_fmt="yuv420p",
    )


def test_packets_are_counted_without_decoding(segment: Path) -> None:
    assert count_packets(segment) == 30
    data = bytearray(segment.read_bytes())
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    segment.write_bytes(data)
    assert count_packets(segment) == 30
    with pytest.raises(EncodeFailed, match=r"segment\.mp4: its video has no frame in it"):
        probe(segment)


@pytest.mark.parametrize("look", [probe, count_packets])
@pytest.mark.parametrize("content", [b"", b"no video", bytes(5000)])
def test_a_file_without_a_video_is_refused(tmp_path: Path, look: Callable[[Path], object], content: bytes) -> None:
    (tmp_path / "x.mp4").write_bytes(content)
    with pytest.raises(EncodeFailed, match=r"x\.mp4: "):
        look(tmp_path / "x.mp4")


@pytest.mark.parametrize("lost", [1, 300])
def test_a_film_that_is_cut_off_has_fewer_packets(segment: Path, tmp_path: Path, lost: int) -> None:
    join([segment], tmp_path / "film.mp4", OPTIONS, frames=30)
    data = (tmp_path / "film.mp4").read_bytes()
    (tmp_path / "film.mp4").write_bytes(data[:-lost])
    assert count_packets(tmp_path / "film.mp4") < 30
    with pytest.raises(EncodeFailed, match=r"film\.mp4: Invalid data"):
        probe(tmp_path / "film.mp4")


@pytest.mark.parametrize("look", [probe, count_packets])
def test_a_sound_is_not_a_video(tmp_path: Path, look: Callable[[Path], object]) -> None:
    with av.open(tmp_path / "sound.mp4", "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        silence = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        silence.sample_rate = 48_000
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    with pytest.raises(EncodeFailed, match=r"sound\.mp4: it has no video stream"):
        look(tmp_path / "sound.mp4")
