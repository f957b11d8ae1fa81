"""Segments are joined into a film without encoding."""

import errno
import io
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from frameloom.model.errors import EncodeFailed
from frameloom.services.video import VideoOptions, encode_segment, index_room, join_segments
from frameloom.services.video.encoder import _Segment
from tests.unit.video_images import (
    film,
    images,
    join,
    noisy,
    numbered,
    numbered_frames,
    pictures,
    planes,
    png,
    read_number,
    textured,
    times,
)
from tests.video_probe import probe

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FPS = Fraction(30000, 1001)
OPTIONS = film(numbered(0).size, FPS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    return folder / "film.mp4"


def encode(folder: Path, counts: list[int], options: VideoOptions = OPTIONS) -> list[Path]:
    """Return segments of so many frames each, with continuous numbers."""
    paths = []
    for index, (count, end) in enumerate(zip(counts, accumulate(counts), strict=True)):
        paths.append(folder / f"{index}.mp4")
        encode_segment(numbered_frames(end - count, count), paths[-1], options)
    return paths


def packets(path: Path) -> list[tuple[int, int, bytes]]:
    """Return the decoding time, the display time and the bytes of each stored frame."""
    with av.open(path) as container:
        return [(packet.dts, packet.pts, bytes(packet)) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    "counts", [[1, 2, 7], [7, 2, 1], [1], [2], [7], [1, 1, 1, 1, 1], [2, 2, 2], [1, 60, 2, 3, 70, 1]], ids=str
)
def test_a_film_has_the_pictures_of_its_segments(tmp_path: Path, out: Path, counts: list[int]) -> None:
    segments = encode(tmp_path, counts)
    join(segments, out, OPTIONS, frames=sum(counts))
    assert [read_number(image) for image in images(out)] == list(range(sum(counts)))
    apart = [planes(picture) for segment in segments for picture in pictures(segment)]
    assert [planes(picture) for picture in pictures(out)] == apart


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001)])
def test_picture_i_of_the_film_is_shown_at_i_frames_exactly(tmp_path: Path, out: Path, fps: Fraction) -> None:
    options = film(numbered(0).size, fps)
    join(encode(tmp_path, [2, 61, 1, 7], options), out, options, frames=71)
    assert times(out) == [index / fps for index in range(71)]
    facts = probe(out)
    assert (facts.frames, facts.fps, facts.duration) == (71, fps, 71 / fps)
    decoded = [dts for dts, _, _ in packets(out)]
    assert all(earlier < later for earlier, later in pairwise(decoded))
    assert all(dts <= pts for dts, pts, _ in packets(out))


def test_the_headers_are_the_same_in_all_segments(tmp_path: Path, out: Path) -> None:
    frames = {1: numbered(3), 30: numbered(700), 2: numbered(1)}
    segments = [tmp_path / f"{count}.mp4" for count in frames]
    for (count, image), segment, quality in zip(frames.items(), segments, (10, 18, 35), strict=True):
        encode_segment([(1, png(image))] * count, segment, film(image.size, OPTIONS.fps, quality=quality))
    join(segments, out, OPTIONS, frames=33)
    assert [read_number(image) for image in images(out)] == [3] + [700] * 30 + [1] * 2


def test_the_frames_are_copied_bit_for_bit(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [3, 30, 8])
    join(segments, out, OPTIONS, frames=41)
    stored = [data for segment in segments for _, _, data in packets(segment)]
    assert [data for _, _, data in packets(out)] == stored


@pytest.mark.parametrize(("codec", "quality"), [("h264", 0), ("av1", 35)])
def test_a_joined_film_looks_like_a_film_that_was_encoded_at_once(
    tmp_path: Path, out: Path, codec: str, quality: int
) -> None:
    """With the same key frames; lossless only for x264 and x265, whose rate control looks beyond key frames."""
    counts, options = [30, 12, 25], film((160, 96), 24, codec=codec, quality=quality)
    frames = [(number, png(textured(number))) for number in range(67)]
    segments = [tmp_path / f"{count}.mp4" for count in counts]
    for segment, count, end in zip(segments, counts, accumulate(counts), strict=True):
        encode_segment(frames[end - count : end], segment, options)
    join(segments, out, options, frames=67)
    once = tmp_path / "once.mp4"
    with AtOnce(once, once, options, keys={0, 30, 42}) as segment_of_all:
        for number, image in frames:
            segment_of_all.add(number, image)
        segment_of_all.finish()
    assert [number for number, picture in enumerate(pictures(once)) if picture.key_frame] == [0, 30, 42]
    assert [planes(picture) for picture in pictures(out)] == [planes(picture) for picture in pictures(once)]


class AtOnce(_Segment):
    """A film as one segment, with key frames at these frames."""

    def __init__(self, part: Path, out: Path, options: VideoOptions, *, keys: set[int]) -> None:
        super().__init__(part, out, options)
        self.keys = keys

    def _encode(self, picture: VideoFrame | None) -> None:
        if picture is not None and picture.pts in self.keys:
            picture.pict_type = PictureType.I
        super()._encode(picture)


def test_a_film_is_marked_with_its_segments_colours(tmp_path: Path, out: Path) -> None:
    join(encode(tmp_path, [2, 3]), out, OPTIONS, frames=5)
    with av.open(out) as container:
        video = container.streams.video[0]
        assert video.color_primaries == ColorPrimaries.BT709
        assert video.color_trc == ColorTrc.BT709
        assert video.colorspace == Colorspace.ITU709
        assert video.color_range == ColorRange.MPEG


def boxes(path: Path) -> list[bytes]:
    """Return the types of an mp4's top-level boxes, in order."""
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


def test_a_film_plays_while_it_loads(tmp_path: Path, out: Path) -> None:
    join(encode(tmp_path, [20, 3]), out, OPTIONS, frames=23)
    assert boxes(out).index(b"moov") < boxes(out).index(b"mdat")


class Forward(io.BytesIO):
    """A file that is written forward, except for its first bytes; counts the returns to these."""

    def __init__(self, head: int) -> None:
        super().__init__()
        self.head = head
        self.end = self.returns = 0

    def write(self, data: "ReadableBuffer") -> int:
        if self.tell() < self.end:
            assert self.tell() + memoryview(data).nbytes <= self.head
            self.returns += 1
        written = super().write(data)
        self.end = max(self.end, self.tell())
        return written


def test_a_film_is_written_forward_except_for_its_beginning(tmp_path: Path) -> None:
    segments, out = encode(tmp_path, [60, 30]), Forward(index_room(90) + 100)
    opened = [(path.name, io.BytesIO(path.read_bytes())) for path in segments]
    join_segments(opened, out, FPS, frames=90)
    # The length of the frames, and the index, which libav writes in one or several pieces.
    assert out.returns >= 2
    (tmp_path / "film.mp4").write_bytes(out.getvalue())
    assert [read_number(image) for image in images(tmp_path / "film.mp4")] == list(range(90))


def test_the_same_segments_give_the_same_film(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [5, 6])
    join(segments, out, OPTIONS, frames=11)
    first = out.read_bytes()
    join(segments, out, OPTIONS, frames=11)
    assert out.read_bytes() == first


def test_a_lossless_film_is_joined(tmp_path: Path, out: Path) -> None:
    options = film(numbered(0).size, quality=0)
    join(encode(tmp_path, [1, 5], options), out, options, frames=6)
    assert [read_number(image) for image in images(out)] == list(range(6))


def test_a_segment_that_is_too_long_or_too_short_is_refused(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [2, 800])
    refused(segments[:1], out, "the film has 2 frames instead of 3", frames=3)
    # More frames than the index has room for.
    refused(segments, out, "the film has 802 frames instead of 2", frames=2)


def refused(segments: list[Path], out: Path, words: str, options: VideoOptions = OPTIONS, *, frames: int = 22) -> None:
    with pytest.raises(EncodeFailed, match=words):
        join(segments, out, options, frames=frames)


def test_a_film_without_segments_is_refused(out: Path) -> None:
    refused([], out, "there are no segments")


def test_a_segment_with_other_options_is_named(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [2, 2])
    encode_segment([(1, png(textured(1)))], tmp_path / "other.mp4", film((160, 96), OPTIONS.fps))
    refused([*segments, tmp_path / "other.mp4"], out, r"other\.mp4: it was encoded with other options")


@pytest.mark.parametrize(
    ("fps", "problem"),
    [(25, "it does not run at 25 frames"), (15, "it does not run at 15 frames"), (60, "it lacks frames")],
)
def test_a_segment_at_another_rate_is_named(tmp_path: Path, out: Path, fps: int, problem: str) -> None:
    segments = encode(tmp_path, [4], film(numbered(0).size, 30))
    refused(segments, out, rf"0\.mp4: {problem}", film(numbered(0).size, fps))


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.95])
def test_a_segment_that_was_cut_off_is_named(tmp_path: Path, out: Path, part: float) -> None:
    segments = encode(tmp_path, [2, 20])
    data = segments[1].read_bytes()
    segments[1].write_bytes(data[: int(part * len(data))])
    refused(segments, out, r"1\.mp4: ")


@pytest.mark.parametrize("lost", [1, 500])
def test_a_segment_whose_last_frames_were_cut_off_is_named(tmp_path: Path, out: Path, lost: int) -> None:
    segments = encode(tmp_path, [2, 20])
    # A film's index comes first, so the cut film opens.
    join(segments[1:], tmp_path / "cut.mp4", OPTIONS, frames=20)
    data = (tmp_path / "cut.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[:-lost])
    refused([segments[0], tmp_path / "cut.mp4"], out, r"cut\.mp4: it lacks frames")


def test_a_file_without_a_video_is_named(tmp_path: Path, out: Path) -> None:
    (tmp_path / "1.mp4").write_bytes(png(textured(1)))
    refused([*encode(tmp_path, [2]), tmp_path / "1.mp4"], out, r"1\.mp4: Invalid data")


class Full(io.BytesIO):
    """A file that raises `error` after 35,000 bytes, like a full disk or a refused bucket."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.refused = error, False

    def write(self, data: "ReadableBuffer") -> int:
        if self.tell() > 35_000:
            self.refused = True
            raise self.error
        return super().write(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        # Like a buffered file, which flushes first.
        if self.refused:
            raise self.error
        return super().seek(offset, whence)


def test_a_full_disk_is_an_encoding_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    [path] = encode(tmp_path, [300])
    with path.open("rb") as segment, pytest.raises(EncodeFailed, match="the film: No space left on device"):
        join_segments([("0.mp4", segment)], Full(OSError(errno.ENOSPC, "No space left on device")), FPS, frames=300)
    assert capfd.readouterr().err == ""


def test_other_errors_are_passed_on_unchanged(tmp_path: Path) -> None:
    [path] = encode(tmp_path, [300])
    error = LookupError("no such bucket")
    with path.open("rb") as segment, pytest.raises(LookupError, match="no such bucket") as raised:
        join_segments([("0.mp4", segment)], Full(error), FPS, frames=300)
    assert raised.value is error


class Gone(io.BytesIO):
    """A segment that cannot be read once libav has read its index, at its end."""

    opened = False

    def read(self, size: int | None = -1) -> bytes:
        self.opened = self.opened or self.tell() > len(self.getvalue()) // 2
        if self.opened and self.tell() < len(self.getvalue()) // 2:
            raise LookupError("it went away")
        return super().read(size)


def test_an_error_on_reading_a_segment_is_passed_on(tmp_path: Path) -> None:
    options = film((160, 96), FPS, quality=0)
    encode_segment([(number, png(noisy((160, 96)))) for number in range(30)], tmp_path / "0.mp4", options)
    segment = Gone((tmp_path / "0.mp4").read_bytes())
    with pytest.raises(LookupError, match="it went away"):
        join_segments([("0.mp4", segment)], io.BytesIO(), FPS, frames=30)


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
def test_a_film_with_a_limited_lookahead_is_joined(tmp_path: Path, out: Path, codec: str) -> None:
    options, image = film((2576, 1440), FPS, codec=codec), png(numbered(5).resize((2576, 1440)))
    dark = png(numbered(0).resize((2576, 1440)))
    segments = [tmp_path / f"{count}.mp4" for count in (7, 1)]
    encode_segment([(1, dark)] * 6 + [(7, image)], segments[0], options)
    encode_segment([(8, dark)], segments[1], options)
    join(segments, out, options, frames=8)
    assert [read_number(shown.resize((160, 48))) for shown in images(out)] == [0, 0, 0, 0, 0, 0, 5, 0]
    assert times(out) == [index / FPS for index in range(8)]
