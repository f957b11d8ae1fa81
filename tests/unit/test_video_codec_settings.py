"""The settings of a film's encoder and muxer."""

import dataclasses
from fractions import Fraction
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.errors import EncodeFailed
from frameloom.model.settings import VideoSettings
from frameloom.services import video
from frameloom.services.video.codec_settings import gop_length, lookahead, muxer_options
from tests.unit.video_images import film

RATES = st.fractions(min_value=1, max_value=1000, max_denominator=1001)


def test_the_options_have_the_quality_and_closed_groups_of_pictures() -> None:
    chosen = video.encoder_options(film((64, 48), quality=23))
    assert chosen["crf"] == "23"
    assert chosen["g"] == "48"
    assert "open-gop=0" in chosen["x264-params"].split(":")
    assert video.pixel_format(film((64, 48))) == "yuv420p"


def test_every_codec_of_a_request_has_an_encoder() -> None:
    assert set(get_args(VideoSettings.model_fields["codec"].annotation)) == set(video.CODECS)


def test_the_default_quality_looks_like_the_frames() -> None:
    assert video.encoder_options(film((64, 48)))["crf"] == "18"


def test_an_unknown_codec_is_refused_by_name() -> None:
    with pytest.raises(EncodeFailed, match=r"'vp9' is not one of h264, h265, av1, prores"):
        video.encoder_options(film((64, 48), codec="vp9"))


@pytest.mark.parametrize(
    ("size", "coded"), [((64, 48), (64, 48)), ((63, 48), (64, 48)), ((64, 47), (64, 48)), ((1, 1), (2, 2))]
)
def test_odd_sizes_are_coded_one_pixel_larger(size: tuple[int, int], coded: tuple[int, int]) -> None:
    assert video.coded_size(film(size)) == coded


@pytest.mark.parametrize(("fps", "frames"), [(Fraction(24), 48), (Fraction(30000, 1001), 60), (Fraction(1, 3), 1)])
def test_a_key_frame_comes_at_least_every_two_seconds(fps: Fraction, frames: int) -> None:
    assert gop_length(film((64, 48), fps)) == frames


@given(fps=RATES)
def test_the_clocks_of_a_file_have_a_whole_number_of_ticks_per_frame(fps: Fraction) -> None:
    for clock in muxer_options(fps).values():
        assert (int(clock) / fps).denominator == 1
        assert 10_000 <= int(clock) < 2**31


def test_options_are_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        film((64, 48)).quality = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("size", "pictures"),
    [((1920, 1080), None), ((2560, 1440), None), ((3200, 1800), 11), ((3840, 2160), 8), ((7680, 4320), 2)],
)
def test_the_lookahead_is_limited_for_large_pictures(size: tuple[int, int], pictures: int | None) -> None:
    assert lookahead(film(size)) == pictures


@pytest.mark.parametrize(
    ("codec", "held"), [("h264", "rc-lookahead=8"), ("h265", "rc-lookahead=2"), ("av1", "lookahead=0")]
)
def test_large_films_are_encoded_in_less_memory(codec: str, held: str) -> None:
    small, large = (str(video.encoder_options(film(size, codec=codec))) for size in ((1920, 1080), (3840, 2160)))
    assert "lookahead" not in small
    assert held in large
