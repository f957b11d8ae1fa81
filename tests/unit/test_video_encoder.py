"""Images are encoded into a segment of a film."""

import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Self

import av
import pytest
from PIL import Image

from frameloom.model.errors import EncodeFailed, FrameInvalid
from frameloom.services.video import CODECS, VideoOptions, codec_settings, encode_segment
from frameloom.services.video import png as png_module
from frameloom.services.video.codec_settings import gop_length
from tests.unit.video_images import (
    film,
    images,
    noisy,
    numbered,
    numbered_frames,
    pictures,
    plain,
    png,
    psnr,
    raw_png,
    read_number,
    rows,
    textured,
    times,
)
from tests.video_probe import VideoFacts, probe

SIZE = numbered(0).size
RATES = [Fraction(24), Fraction(25), Fraction(30000, 1001)]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "segment.mp4"


@pytest.mark.parametrize("fps", RATES)
def test_a_segment_has_each_frame_at_the_films_rate_and_size(out: Path, fps: Fraction) -> None:
    assert encode_segment(numbered_frames(1, 61), out, film(SIZE, fps)) == 61
    assert probe(out) == VideoFacts(frames=61, fps=fps, size=SIZE, duration=61 / fps, codec="h264", pix_fmt="yuv420p")


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("count", [1, 2, 3, 61])
def test_picture_i_is_shown_at_i_frames_exactly(out: Path, fps: Fraction, count: int) -> None:
    encode_segment(numbered_frames(0, count), out, film(SIZE, fps))
    assert times(out) == [index / fps for index in range(count)]
    assert probe(out).duration == count / fps


def test_the_pictures_are_in_the_order_of_the_frames(out: Path) -> None:
    numbers = [*range(5, 70), 900, 3, 512]
    encode_segment([(number, png(numbered(number))) for number in numbers], out, film(SIZE))
    assert [read_number(image) for image in images(out)] == numbers


@pytest.mark.parametrize(("quality", "decibels"), [(0, 41), (18, 39.5), (40, 30)])
def test_the_pictures_look_like_the_frames(out: Path, quality: int, decibels: float) -> None:
    frames = [textured(number) for number in range(30)]
    encode_segment([(i, png(frame)) for i, frame in enumerate(frames)], out, film(frames[0].size, quality=quality))
    assert min(psnr(*pair) for pair in zip(frames, images(out), strict=True)) > decibels


def test_a_better_quality_takes_more_bytes(tmp_path: Path) -> None:
    sizes = []
    for quality in (10, 18, 40):
        out = tmp_path / f"{quality}.mp4"
        encode_segment([(i, png(textured(i))) for i in range(20)], out, film((160, 96), quality=quality))
        sizes.append(out.stat().st_size)
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 2 * sizes[2]


def test_key_frames_are_rare_but_never_two_seconds_apart(out: Path) -> None:
    options = film((160, 96), 10)
    encode_segment([(i, png(textured(i))) for i in range(70)], out, options)
    keys = [index for index, picture in enumerate(pictures(out)) if picture.key_frame]
    assert keys[0] == 0
    assert 70 // gop_length(options) <= len(keys) < 10
    assert all(later - key <= gop_length(options) for key, later in pairwise([*keys, 70]))


def test_no_frame_is_cut_into_slices(out: Path) -> None:
    # Images below this height are never sliced.
    encode_segment([(i, png(textured(i, (96, 320)))) for i in range(12)], out, film((96, 320)))
    with av.open(out) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    for packet in packets:
        kinds, at = [], 0
        while at < len(packet):  # in mp4, the length of each unit precedes it
            kinds.append(packet[at + 4] & 0x1F)
            at += 4 + int.from_bytes(packet[at : at + 4], "big")
        assert sum(kind in (1, 5) for kind in kinds) == 1


class Counted(bytes):
    """Bytes that count their living instances."""

    alive = 0

    def __new__(cls, data: bytes) -> Self:
        cls.alive += 1
        return super().__new__(cls, data)

    def __del__(self) -> None:
        Counted.alive -= 1


def test_memory_holds_one_frame_at_a_time(out: Path) -> None:
    most = 0

    def frames() -> Iterator[tuple[int, bytes]]:
        nonlocal most
        for number in range(50):
            yield number, Counted(png(numbered(number)))
            most = max(most, Counted.alive)

    assert encode_segment(frames(), out, film(SIZE)) == 50
    assert 1 <= most <= 2


WHOLE = png(textured(1))
MISSING_ROWS = raw_png((160, 96), 8, 2, rows((160, 40), b"\1\2\3"))
BAD_IMAGES = {
    "empty": (b"", "empty"),
    "a JPEG": (b"\xff\xd8\xff\xe0" + bytes(200), "not a PNG"),
    "a text": (b"<Error><Code>NoSuchKey</Code></Error>", "not a PNG"),
    "cut in its signature": (WHOLE[:5], "cut off"),
    "cut in its header": (WHOLE[:20], "cut off"),
    "cut in its pixels": (WHOLE[: len(WHOLE) // 2], "cut off"),
    "cut before its end": (WHOLE[:-12], "cut off"),
    "cut by a byte": (WHOLE[:-1], "cut off"),
    "one bit wrong": (WHOLE[:500] + bytes([WHOLE[500] ^ 4]) + WHOLE[501:], "damaged"),
    "rows missing": (MISSING_ROWS, "bytes of pixels"),
    "too wide": (png(textured(1).resize((162, 96))), "162 x 96 pixels, not 160 x 96"),
    "turned": (png(textured(1).transpose(Image.Transpose.ROTATE_90)), "96 x 160 pixels, not 160 x 96"),
}


@pytest.mark.parametrize(("image", "problem"), BAD_IMAGES.values(), ids=BAD_IMAGES)
@pytest.mark.parametrize("before", [0, 60])
def test_a_bad_image_is_named_and_leaves_no_file(out: Path, image: bytes, problem: str, before: int) -> None:
    taken = []

    def frames() -> Iterator[tuple[int, bytes]]:
        for number in range(before):
            yield number, WHOLE
        for number in (1017, 1018):
            taken.append(number)
            yield number, image

    with pytest.raises(FrameInvalid, match=problem) as raised:
        encode_segment(frames(), out, film((160, 96)))
    assert raised.value.facts["frame"] == 1017
    assert taken == [1017]
    assert list(out.parent.iterdir()) == []


def test_an_image_that_libav_refuses_is_named(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png_module, "unpacked", lambda image: image[:100])
    with pytest.raises(FrameInvalid, match="Invalid data found"):
        encode_segment([(7, WHOLE)], out, film((160, 96)))
    assert list(out.parent.iterdir()) == []


def test_an_existing_segment_stays_after_a_failure(out: Path) -> None:
    out.write_bytes(b"the film of yesterday")
    with pytest.raises(FrameInvalid):
        encode_segment([(1, WHOLE), (2, b"")], out, film((160, 96)))
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert out.read_bytes() == b"the film of yesterday"
    encode_segment([(1, WHOLE)], out, film((160, 96)))
    assert probe(out).frames == 1


def test_a_segment_without_frames_is_refused(out: Path) -> None:
    with pytest.raises(EncodeFailed, match="there are no frames"):
        encode_segment([], out, film(SIZE))
    assert list(out.parent.iterdir()) == []


def test_an_error_of_the_source_of_frames_is_passed_on(out: Path) -> None:
    def frames() -> Iterator[tuple[int, bytes]]:
        yield from numbered_frames(0, 60)
        raise ConnectionResetError("the bucket hung up")

    with pytest.raises(ConnectionResetError, match="the bucket hung up"):
        encode_segment(frames(), out, film(SIZE))
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_is_an_encoding_error_and_leaves_no_file(out: Path) -> None:
    # More than libav's buffer: the disk refuses while frames are written, and again on closing.
    frames = [(i, png(noisy((160, 96)))) for i in range(60)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    try:
        with pytest.raises(EncodeFailed, match=r"segment\.mp4: File too large"):
            encode_segment(frames, out, film((160, 96), quality=5))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(out.parent.iterdir()) == []


def test_a_missing_folder_is_an_encoding_error(tmp_path: Path) -> None:
    with pytest.raises(EncodeFailed, match=r"film\.mp4: No such file or directory"):
        encode_segment(numbered_frames(1, 1), tmp_path / "nowhere" / "film.mp4", film(SIZE))


def test_a_folder_at_the_files_path_is_an_encoding_error_and_stays(out: Path) -> None:
    out.mkdir()
    with pytest.raises(EncodeFailed, match=r"segment\.mp4: Is a directory"):
        encode_segment(numbered_frames(1, 1), out, film(SIZE))
    assert list(out.parent.iterdir()) == [out]


def test_a_file_name_may_look_like_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    encode_segment(numbered_frames(1, 2), Path("take:2.mp4"), film(SIZE))
    assert probe(Path("take:2.mp4")).frames == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system can't take processors away")
def test_the_same_images_give_the_same_bytes_whatever_the_number_of_processors(tmp_path: Path) -> None:
    processors = os.sched_getaffinity(0)
    one, all_of_them = tmp_path / "one.mp4", tmp_path / "all.mp4"
    frames = [(i, png(textured(i))) for i in range(40)]
    encode_segment(frames, all_of_them, film((160, 96)))
    os.sched_setaffinity(0, {min(processors)})
    try:
        encode_segment(frames, one, film((160, 96)))
    finally:
        os.sched_setaffinity(0, processors)
    assert one.read_bytes() == all_of_them.read_bytes()


def test_the_same_images_give_the_same_bytes_on_every_kind_of_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = (320, 192)
    frames = [(i, png(textured(5 * i, size))) for i in range(30)]
    encode_segment(frames, tmp_path / "this.mp4", film(size))
    h264 = CODECS["h264"]

    def plain_c(options: VideoOptions) -> dict[str, str]:
        """Use only instructions of every processor, without vector units."""
        chosen = h264.options(options)
        return {**chosen, "x264-params": chosen["x264-params"] + ":asm=0"}

    monkeypatch.setattr(codec_settings, "CODECS", {"h264": replace(h264, options=plain_c)})
    encode_segment(frames, tmp_path / "other.mp4", film(size))
    assert (tmp_path / "this.mp4").read_bytes() == (tmp_path / "other.mp4").read_bytes()


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (16, 2), (15, 9), (641, 361)])
def test_every_small_and_odd_size_can_be_encoded(out: Path, size: tuple[int, int]) -> None:
    encode_segment([(i, plain(size, (200, 100, 50))) for i in range(3)], out, film(size))
    facts = probe(out)
    assert facts.frames == 3
    assert facts.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
