"""The settings of a render and of a film."""

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.errors import InvalidRequest
from frameloom.model.request import JobRequest
from frameloom.model.settings import RenderSettings, VideoSettings, parse_rate, read_device


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("24", Fraction(24)),
        ("29.97", Fraction(2997, 100)),
        ("30000/1001", Fraction(30000, 1001)),
        ("23.976023976023978", Fraction(24000, 1001)),
        ("1", Fraction(1)),
        ("1000", Fraction(1000)),
        (" 25 ", Fraction(25)),
    ],
)
def test_a_rate_is_read_exactly(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(
    "text",
    ["", "fast", "24 fps", "-24", "1/0", "24/0", "nan", "inf", "0x18", "24,0", "2_4", "٢٤", "1/2/3", "24.", "1e1"],
)
def test_an_invalid_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 24, 29\.97 or 30000/1001"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["0", "0.5", "1/2", "1001", "999999999", "0.0"])
def test_a_rate_outside_its_limits_is_refused_with_the_limits(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "1" * 100_000, "24." + "0" * 100_000])
def test_a_rate_with_an_endless_exponent_is_refused_at_once(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(ValueError, match="frames per second"):
        parse_rate(text)
    assert time.process_time() - begun < 1


@given(st.fractions(1, 1000, max_denominator=1001))
def test_a_rate_can_be_parsed_from_its_text(rate: Fraction) -> None:
    assert parse_rate(str(rate)) == rate


@given(st.sampled_from([24, 25, 30, 48, 60, 120]))
def test_a_television_rate_can_be_parsed_from_a_decimal_number(whole: int) -> None:
    exact = Fraction(whole * 1000, 1001)
    assert JobRequest(file="a.blend", fps=float(exact)).fps == str(exact)  # type: ignore[arg-type]


@pytest.mark.parametrize(("written", "read"), [("cycles", "CYCLES"), ("Eevee", "EEVEE"), ("WORKBENCH", "WORKBENCH")])
def test_engines_are_read_in_either_case(written: str, read: str) -> None:
    assert RenderSettings.read({"engine": written}).engine == read


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("engine", "LUXCORE"),
        ("engine", 1),
        ("engine", []),
        ("samples", 0),
        ("samples", 65_537),
        ("samples", True),
        ("samples", "many"),
        ("samples", 1.5),
        ("samples", float("nan")),
        ("samples", float("inf")),
        ("resolution_percentage", 0),
        ("resolution_percentage", 1001),
        ("resolution_percentage", -50),
        ("format", "FFMPEG"),
        ("format", None),
        ("scene", ""),
        ("scene", "x" * 64),
        ("camera", 7),
        ("blender", 4.5),
        ("device", "HIP"),
        ("device", True),
        ("trust_scripts", 1),
        ("trust_scripts", "yes"),
        ("trust_scripts", []),
    ],
)
def test_invalid_settings_are_refused_with_their_field(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        RenderSettings.read({field: value})
    assert caught.value.facts["field"] == field


@pytest.mark.parametrize(
    ("field", "value"), [("quality", -1), ("quality", 52), ("quality", False), ("codec", "mpeg1"), ("bitrate", 1)]
)
def test_invalid_film_settings_are_refused_with_their_field(field: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        VideoSettings.read({field: value})
    assert caught.value.facts["field"] == field


def test_prores_has_one_quality() -> None:
    with pytest.raises(InvalidRequest, match="prores, which has one quality: leave it out"):
        VideoSettings.read({"codec": "prores", "quality": 18})
    settings = VideoSettings.read({"codec": "prores"})
    assert VideoSettings.read(settings.to_json()) == settings


def test_av1_refuses_a_quality_that_its_encoder_would_ignore() -> None:
    with pytest.raises(InvalidRequest, match="1 to 51 with av1"):
        VideoSettings.read({"codec": "av1", "quality": 0})
    assert VideoSettings.read({"codec": "av1", "quality": 1}).quality == 1
    assert VideoSettings.read({"codec": "h264", "quality": 0}).quality == 0


@pytest.mark.parametrize("written", ["optix", "Optix", "OPTIX"])
def test_devices_are_read_in_either_case(written: str) -> None:
    assert RenderSettings.read({"device": written}).device == read_device(written) == "OPTIX"


def test_a_device_that_farms_do_not_support_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="device"):
        read_device("METAL")


@pytest.mark.parametrize("written", [True, "true", "True"])
def test_trust_scripts_is_read_from_text_and_boolean(written: object) -> None:
    assert RenderSettings.read({"trust_scripts": written}).trust_scripts is True


@pytest.mark.parametrize(("written", "read"), [(False, False), ("false", False), (None, None)])
def test_trust_scripts_false_differs_from_none(written: object, read: object) -> None:
    settings = RenderSettings.read({"trust_scripts": written})
    assert settings.trust_scripts is read
    assert RenderSettings.read(settings.to_json()) == settings


def test_settings_are_immutable() -> None:
    settings = RenderSettings(samples=16)
    with pytest.raises(ValueError, match="frozen"):
        settings.samples = 17
    assert RenderSettings.read(settings.to_json()) == settings
