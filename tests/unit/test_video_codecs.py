"""A film in each codec of a request has its segments' pictures, in order and on time."""

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame

from frameloom.model.errors import EncodeFailed
from frameloom.services.video import CODECS, encode_segment
from tests.unit.video_images import (
    film,
    images,
    join,
    numbered,
    numbered_frames,
    pictures,
    plain,
    planes,
    png,
    psnr,
    raw_png,
    read_number,
    rows,
    sample,
    textured,
    times,
)
from tests.video_probe import probe

COUNTS = [1, 60, 2, 7]
FPS = Fraction(30000, 1001)
NAMES = {"h264": "h264", "h265": "hevc", "av1": "libdav1d", "prores": "prores"}


@pytest.mark.parametrize("large", [False, True], ids=["", "as if large"])
@pytest.mark.parametrize("codec", CODECS)
def test_a_joined_film_has_its_segments_pictures_in_order_and_on_time(
    tmp_path: Path, codec: str, monkeypatch: pytest.MonkeyPatch, *, large: bool
) -> None:
    if large:
        # For large pictures the lookahead is limited, and the encoder stores them in another order.
        monkeypatch.setattr("frameloom.services.video.codec_settings.LARGE", 0)
    # With square pixels, and with those of widescreen PAL.
    aspect = Fraction(40, 33) if large else Fraction(1)
    options, segments, first = film(numbered(0).size, FPS, codec=codec, pixel_aspect=aspect), [], 0
    for count in COUNTS:
        segments.append(tmp_path / f"{first}.{options.container}")
        encode_segment(numbered_frames(first, count), segments[-1], options)
        first += count
    out = tmp_path / f"film.{options.container}"
    join(segments, out, options, frames=first)
    assert [read_number(image) for image in images(out)] == list(range(first))
    assert times(out) == [index / FPS for index in range(first)]
    apart = [planes(picture) for segment in segments for picture in pictures(segment)]
    assert [planes(picture) for picture in pictures(out)] == apart
    facts = probe(out)
    assert (facts.codec, facts.frames, facts.duration, facts.size) == (NAMES[codec], first, first / FPS, (160, 48))
    assert (probe(segments[0]).pixel_aspect, facts.pixel_aspect) == (aspect, aspect)
    data = out.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("codec", CODECS)
def test_the_pictures_look_like_the_frames(tmp_path: Path, codec: str) -> None:
    frames = [textured(number) for number in range(20)]
    out = tmp_path / "film.mp4"
    encode_segment([(i, png(frame)) for i, frame in enumerate(frames)], out, film(frames[0].size, codec=codec))
    assert min(psnr(*pair) for pair in zip(frames, images(out), strict=True)) > 36


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_segments_shorter_than_the_lookahead_are_complete(tmp_path: Path, codec: str, count: int) -> None:
    out = tmp_path / "film.mp4"
    for first in range(4):
        encode_segment(numbered_frames(first, count), out, film(numbered(0).size, codec=codec))
        assert [read_number(image) for image in images(out)] == list(range(first, first + count))
        assert times(out) == [Fraction(index, 24) for index in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_pictures_of_h265_are_decoded_a_frame_apart_and_two_ahead(tmp_path: Path, count: int) -> None:
    """x265's own decoding times of short segments are arbitrary, and some cannot be stored in a file."""
    out = tmp_path / "segment.mp4"
    encode_segment(numbered_frames(1, count), out, film(numbered(0).size, codec="h265"))
    with av.open(out) as container:
        stored = [packet.dts * packet.time_base * 24 for packet in container.demux(video=0) if packet.size]
    assert stored == [index - 2 for index in range(count)]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system can't take processors away")
@pytest.mark.parametrize("codec", CODECS)
def test_the_same_images_give_the_same_bytes_whatever_the_number_of_processors(tmp_path: Path, codec: str) -> None:
    processors = os.sched_getaffinity(0)
    one, all_of_them = tmp_path / "one.mp4", tmp_path / "all.mp4"
    frames = [(i, png(textured(i))) for i in range(40)]
    encode_segment(frames, all_of_them, film((160, 96), codec=codec))
    os.sched_setaffinity(0, {min(processors)})
    try:
        encode_segment(frames, one, film((160, 96), codec=codec))
    finally:
        os.sched_setaffinity(0, processors)
    assert one.read_bytes() == all_of_them.read_bytes()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [(15, 9), (65, 63), (641, 361)])
def test_small_and_odd_sizes_can_be_encoded(tmp_path: Path, codec: str, size: tuple[int, int]) -> None:
    out = tmp_path / "film.mp4"
    encode_segment([(i, png(textured(i, size))) for i in range(3)], out, film(size, codec=codec))
    least = 16 if codec in {"h265", "av1"} else 2
    assert probe(out).size == tuple(max(least, side + side % 2) for side in size)


@pytest.mark.parametrize(
    ("codec", "alpha", "kind", "name"),
    [
        ("h265", False, b"isom", "hvc1"),
        ("prores", False, b"qt  ", "apch"),
        ("prores", True, b"qt  ", "ap4h"),
    ],
)
def test_a_film_has_the_tag_that_apples_players_accept(
    tmp_path: Path, *, codec: str, alpha: bool, kind: bytes, name: str
) -> None:
    options = film(numbered(0).size, codec=codec, alpha=alpha)
    segment, out = tmp_path / f"0.{options.container}", tmp_path / f"film.{options.container}"
    encode_segment(numbered_frames(1, 2), segment, options)
    join([segment], out, options, frames=2)
    assert out.read_bytes()[4:12] == b"ftyp" + kind
    with av.open(out) as container:
        assert container.streams.video[0].codec_context.codec_tag == name


def test_prores_keeps_transparency_and_the_colours_beneath_it(tmp_path: Path) -> None:
    options, out = film((32, 32), codec="prores", alpha=True), tmp_path / "film.mov"
    images = [
        plain((32, 32), (200, 100, 50, 255), "RGBA"),
        plain((32, 32), (200, 100, 50, 64), "RGBA"),
        plain((32, 32), (200, 100, 50, 0), "RGBA"),
        raw_png((32, 32), 16, 6, rows((32, 32), struct.pack(">4H", 200 * 257, 100 * 257, 50 * 257, 65_535))),
        plain((32, 32), (200, 100, 50)),
    ]
    encode_segment(list(enumerate(images)), out, options)
    assert probe(out).pix_fmt == "yuva444p12le"
    # BT.709's formula gives 1872.6, 1535.6 and 2783.0; the encoder is given ten bits of the twelve.
    assert {samples(picture)[:3] for picture in pictures(out)} == {(1872, 1536, 2784)}
    assert [samples(picture)[3] for picture in pictures(out)] == [
        4095,
        pytest.approx(64 / 255 * 4095, abs=4),
        0,
        4095,
        4095,
    ]


def samples(picture: VideoFrame) -> tuple[int, ...]:
    """Return a pixel from the middle of each plane."""
    return tuple(sample(picture, plane=plane, x=8, y=8) for plane in range(len(picture.planes)))


@pytest.mark.parametrize("value", [0, 100, 25_700, 33_333, 65_535])
def test_prores_keeps_ten_of_sixteen_bits(tmp_path: Path, value: int) -> None:
    out = tmp_path / "film.mov"
    grey = raw_png((32, 32), 16, 0, rows((32, 32), struct.pack(">H", value)))
    encode_segment([(1, grey)], out, film((32, 32), codec="prores"))
    assert probe(out).pix_fmt == "yuv422p10le"
    (picture,) = pictures(out)
    assert samples(picture) == pytest.approx((64 + 876 * value / 65_535, 512, 512), abs=0.75)


def test_prores_of_transparent_and_of_opaque_frames_are_not_joined(tmp_path: Path) -> None:
    segments = [tmp_path / "0.mov", tmp_path / "1.mov"]
    for segment, alpha in zip(segments, (False, True), strict=True):
        encode_segment(numbered_frames(1, 2), segment, film(numbered(0).size, codec="prores", alpha=alpha))
    with pytest.raises(EncodeFailed, match=r"1\.mov: it was encoded with other options"):
        join(segments, tmp_path / "film.mov", film(numbered(0).size, codec="prores"), frames=4)
