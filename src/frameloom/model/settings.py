"""The settings of a render that change pixels, and those of the video made from its frames."""

import re
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from frameloom.model.base import Value

Engine = Literal["CYCLES", "EEVEE", "WORKBENCH"]
Device = Literal["CPU", "CUDA", "OPTIX"]
FrameFormat = Literal["PNG", "OPEN_EXR", "JPEG"]
EXTENSIONS: dict[FrameFormat, str] = {"PNG": "png", "OPEN_EXR": "exr", "JPEG": "jpg"}

VideoCodec = Literal["h264", "h265", "av1", "prores"]
# What a film's file is: libav's name for it, and the end of its name.
Container = Literal["mp4", "mov"]
CONTAINERS: dict[VideoCodec, Container] = {"h264": "mp4", "h265": "mp4", "av1": "mp4", "prores": "mov"}
# How S3 serves frames and films.
CONTENT_TYPES: dict[FrameFormat | Container, str] = {
    "PNG": "image/png",
    "OPEN_EXR": "image/x-exr",
    "JPEG": "image/jpeg",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
}

# Blender's limit of a data-block's name is 63 bytes (MAX_ID_NAME less its type and end).
Name = Annotated[str, Field(min_length=1, max_length=63)]


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("takes a whole number, not true or false")  # noqa: TRY004  pydantic reads ValueError only
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


_RATE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20}|/0*[1-9][0-9]{0,8})?", re.ASCII)
_RATE_TAKES = "takes frames per second, such as 24, 29.97 or 30000/1001"


def parse_rate(text: str) -> Fraction:
    """Return frames per second from `24`, `29.97` or `30000/1001`.

    Raises:
        ValueError: it is no such number, or not between 1 and 1000.
    """
    # Fraction's own grammar has exponents, and 1e999999999 keeps it busy for ever.
    if _RATE.fullmatch(text.strip()) is None:
        raise ValueError(_RATE_TAKES)
    return film_rate(Fraction(text.strip()))


def film_rate(rate: Fraction) -> Fraction:
    """Return frames per second as a film can have them: television's thousands over 1001 are the finest.

    Raises:
        ValueError: it is not between 1 and 1000.
    """
    if not 1 <= rate <= 1000:
        raise ValueError("takes 1 to 1000 frames per second")
    return rate.limit_denominator(1001)


def _rate_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(_RATE_TAKES)  # noqa: TRY004  pydantic reads ValueError only
    return str(parse_rate(str(value)))


Rate = Annotated[str, BeforeValidator(_rate_text)]


def _trust(value: object) -> object:
    words = {"true": True, "false": False}
    value = words.get(value.lower(), value) if isinstance(value, str) else value
    if value is not None and not isinstance(value, bool):
        raise ValueError("takes true or false")
    return value


# The options for a job of a scene that holds Python, in the messages of PrepareJob, `frameloom check` and the worker.
SCRIPTS_WAYS_OUT = (
    "render it with --trust-scripts to run the Python, or with --without-scripts to skip it (in a request, the field "
    "trust_scripts is true or false; in an uploaded scene's metadata it may only be false)"
)


class RenderSettings(Value):
    """What the worker sets in the scene before it renders; what is None stays as the scene has it."""

    # Two versions of Blender differ in 2 % of their pixels, so the version is a setting like any other.
    blender: Name | None = None
    # What Cycles renders on: a card rounds otherwise than the CPU, which None stands for.
    device: Annotated[Device, BeforeValidator(_upper)] | None = None
    scene: Name | None = None
    camera: Name | None = None
    engine: Annotated[Engine, BeforeValidator(_upper)] | None = None
    samples: Annotated[Whole, Field(ge=1, le=65_536)] | None = None
    resolution_percentage: Annotated[Whole, Field(ge=1, le=1000)] | None = None
    format: Annotated[FrameFormat, BeforeValidator(_upper)] = "PNG"
    # Whether Python in the scene runs, with all rights of the worker's user. With None, a scene that holds Python is
    # refused.
    trust_scripts: Annotated[bool | None, BeforeValidator(_trust)] = None


def read_device(text: str) -> Device:
    """Return the device that a parameter of a farm names.

    Raises:
        InvalidRequest: Cycles has no such device, or it is none that a farm renders on.
    """
    return RenderSettings.read({"device": text}).device or "CPU"


class VideoSettings(Value):
    """How the frames become a film."""

    codec: VideoCodec = "h264"
    # The encoder's constant rate factor: 51 is the worst, 0 of h264 lossless. None stands for the codec's own.
    quality: Annotated[Whole, Field(ge=0, le=51)] | None = None

    @property
    def container(self) -> Container:
        """Return what the film's file is."""
        return CONTAINERS[self.codec]

    @field_validator("quality")
    @classmethod
    def _on_the_codecs_scale(cls, quality: int | None, info: ValidationInfo) -> int | None:
        if quality is not None and info.data.get("codec") == "prores":
            raise ValueError("is not taken with prores, which has one quality: leave it out")
        # SVT-AV1 takes 0 for a factor of its own choice.
        if quality == 0 and info.data.get("codec") == "av1":
            raise ValueError("takes 1 to 51 with av1, which has no lossless film here")
        return quality
