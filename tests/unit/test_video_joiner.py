"""Segments become one film without being encoded anew."""

import resource
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path

import av
import pytest
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from frameloom.model.errors import EncodeFailed
from frameloom.services.video import VideoOptions, encode_segment, join_segments, probe
from tests.unit.video_images import (
    film,
    images,
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

OPTIONS = film(numbered(0).size, Fraction(30000, 1001))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    return folder / "film.mp4"


def encode(folder: Path, counts: list[int], options: VideoOptions = OPTIONS) -> list[Path]:
    """Return segments of so many frames each, whose numbers run on from one to the next."""
    paths = []
    for index, (count, end) in enumerate(zip(counts, accumulate(counts), strict=True)):
        paths.append(folder / f"{index}.mp4")
        encode_segment(numbered_frames(end - count, count), paths[-1], options)
    return paths


def packets(path: Path) -> list[tuple[int, int, bytes]]:
    """Return each stored frame: when it is decoded, when it is shown, what it is."""
    with av.open(path) as container:
        return [(packet.dts, packet.pts, bytes(packet)) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize(
    "counts", [[1, 2, 7], [7, 2, 1], [1], [2], [7], [1, 1, 1, 1, 1], [2, 2, 2], [1, 60, 2, 3, 70, 1]], ids=str
)
def test_a_film_shows_what_its_segments_show(tmp_path: Path, out: Path, counts: list[int]) -> None:
    segments = encode(tmp_path, counts)
    assert join_segments(segments, out, OPTIONS) == sum(counts)
    assert [read_number(image) for image in images(out)] == list(range(sum(counts)))
    apart = [planes(picture) for segment in segments for picture in pictures(segment)]
    assert [planes(picture) for picture in pictures(out)] == apart


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001)])
def test_picture_i_of_the_film_is_shown_at_i_frames_exactly(tmp_path: Path, out: Path, fps: Fraction) -> None:
    options = film(numbered(0).size, fps)
    assert join_segments(encode(tmp_path, [2, 61, 1, 7], options), out, options) == 71
    assert times(out) == [index / fps for index in range(71)]
    facts = probe(out)
    assert (facts.frames, facts.fps, facts.duration) == (71, fps, 71 / fps)
    decoded = [dts for dts, _, _ in packets(out)]
    assert all(earlier < later for earlier, later in pairwise(decoded))
    assert all(dts <= pts for dts, pts, _ in packets(out))


def test_the_headers_depend_on_nothing_that_may_differ_between_segments(tmp_path: Path, out: Path) -> None:
    frames = {1: numbered(3), 30: numbered(700), 2: numbered(1)}
    segments = [tmp_path / f"{count}.mp4" for count in frames]
    for (count, image), segment, quality in zip(frames.items(), segments, (10, 18, 35), strict=True):
        encode_segment([(1, png(image))] * count, segment, film(image.size, OPTIONS.fps, quality=quality))
    assert join_segments(segments, out, OPTIONS) == 33
    assert [read_number(image) for image in images(out)] == [3] + [700] * 30 + [1] * 2


def test_the_frames_are_copied_bit_for_bit(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [3, 30, 8])
    join_segments(segments, out, OPTIONS)
    stored = [data for segment in segments for _, _, data in packets(segment)]
    assert [data for _, _, data in packets(out)] == stored


def test_a_film_says_what_its_segments_say_of_their_colours(tmp_path: Path, out: Path) -> None:
    join_segments(encode(tmp_path, [2, 3]), out, OPTIONS)
    with av.open(out) as container:
        video = container.streams.video[0]
        assert video.color_primaries == ColorPrimaries.BT709
        assert video.color_trc == ColorTrc.BT709
        assert video.colorspace == Colorspace.ITU709
        assert video.color_range == ColorRange.MPEG


def boxes(path: Path) -> list[bytes]:
    """Return the kinds of an mp4's outermost boxes, in order."""
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


def test_a_film_plays_while_it_loads(tmp_path: Path, out: Path) -> None:
    join_segments(encode(tmp_path, [20, 3]), out, OPTIONS)
    assert boxes(out).index(b"moov") < boxes(out).index(b"mdat")


def test_the_same_segments_give_the_same_film(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [5, 6])
    join_segments(segments, out, OPTIONS)
    first = out.read_bytes()
    join_segments(segments, out, OPTIONS)
    assert out.read_bytes() == first


def test_a_film_without_loss_is_joined_too(tmp_path: Path, out: Path) -> None:
    options = film(numbered(0).size, quality=0)
    assert join_segments(encode(tmp_path, [1, 5], options), out, options) == 6
    assert [read_number(image) for image in images(out)] == list(range(6))


def refused(segments: list[Path], out: Path, words: str, options: VideoOptions = OPTIONS) -> None:
    out.write_bytes(b"the film of yesterday")
    with pytest.raises(EncodeFailed, match=words):
        join_segments(segments, out, options)
    assert list(out.parent.iterdir()) == [out]
    assert out.read_bytes() == b"the film of yesterday"


def test_no_segments_are_refused(out: Path) -> None:
    refused([], out, "there are no segments")


def test_segments_of_other_options_are_refused_by_name(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [2, 2])
    encode_segment([(1, png(textured(1)))], tmp_path / "other.mp4", film((160, 96), OPTIONS.fps))
    refused([*segments, tmp_path / "other.mp4"], out, r"other\.mp4: it was encoded with other options")


@pytest.mark.parametrize(
    ("fps", "problem"),
    [(25, "it does not run at 25 frames"), (15, "it does not run at 15 frames"), (60, "frames are missing")],
)
def test_segments_at_another_rate_are_refused_by_name(tmp_path: Path, out: Path, fps: int, problem: str) -> None:
    segments = encode(tmp_path, [4], film(numbered(0).size, 30))
    refused(segments, out, rf"0\.mp4: {problem}", film(numbered(0).size, fps))


def test_a_missing_segment_is_named(tmp_path: Path, out: Path) -> None:
    segments = encode(tmp_path, [2, 2])
    segments[1].unlink()
    refused(segments, out, r"1\.mp4: No such file or directory")


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.95])
def test_a_segment_that_was_cut_off_is_named(tmp_path: Path, out: Path, part: float) -> None:
    segments = encode(tmp_path, [2, 20])
    data = segments[1].read_bytes()
    segments[1].write_bytes(data[: int(part * len(data))])
    refused(segments, out, r"1\.mp4: ")


@pytest.mark.parametrize("lost", [1, 500])
def test_a_segment_whose_last_frames_were_cut_off_is_named(tmp_path: Path, out: Path, lost: int) -> None:
    segments = encode(tmp_path, [2, 20])
    # A film's index stands first, so that it still opens.
    join_segments(segments[1:], tmp_path / "cut.mp4", OPTIONS)
    data = (tmp_path / "cut.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[:-lost])
    refused([segments[0], tmp_path / "cut.mp4"], out, r"cut\.mp4: frames are missing")


def test_a_file_that_is_no_video_is_named(tmp_path: Path, out: Path) -> None:
    (tmp_path / "1.mp4").write_bytes(png(textured(1)))
    refused([*encode(tmp_path, [2]), tmp_path / "1.mp4"], out, r"1\.mp4: Invalid data")


def test_a_full_disk_is_an_encoding_error_and_leaves_nothing(tmp_path: Path, out: Path) -> None:
    # More than libav keeps in its buffer: the disk refuses while frames are copied, not only on closing.
    options = film((160, 96), OPTIONS.fps, quality=5)
    segments = [tmp_path / "0.mp4"]
    encode_segment([(i, png(noisy((160, 96)))) for i in range(30)], segments[0], options)
    size = segments[0].stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, before[1]))
    try:
        refused(segments, out, r"film\.mp4: File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
