"""The render settings, which change pixels, and the settings of the film."""

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
# The container of a film: its name in libav, and its file extension.
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

# Blender limits the names of data-blocks to 63 bytes (MAX_ID_NAME minus type and terminator).
Name = Annotated[str, Field(min_length=1, max_length=63)]


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("takes a whole number, not true or false")  # noqa: TRY004  pydantic reads ValueError only
    return value


Whole = Annotated[int, BeforeValidator(_no_bool)]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


_RATE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,20}|/0*[1-9][0-9]{0,8})?", re.ASCII)
_RATE_FORM = "takes frames per second, such as 24, 29.97 or 30000/1001"


def parse_rate(text: str) -> Fraction:
    """Return frames per second from `24`, `29.97` or `30000/1001`.

    Raises:
        ValueError: the text has another form, or the rate is not between 1 and 1000.
    """
    # Fraction accepts exponents, and would compute 1e999999999 endlessly.
    if _RATE.fullmatch(text.strip()) is None:
        raise ValueError(_RATE_FORM)
    return film_rate(Fraction(text.strip()))


def film_rate(rate: Fraction) -> Fraction:
    """Return the nearest frame rate with a denominator up to 1001, the largest in television's rates.

    Raises:
        ValueError: the rate is not between 1 and 1000.
    """
    if not 1 <= rate <= 1000:
        raise ValueError("takes 1 to 1000 frames per second")
    return rate.limit_denominator(1001)


def _rate_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(_RATE_FORM)  # noqa: TRY004  pydantic reads ValueError only
    return str(parse_rate(str(value)))


Rate = Annotated[str, BeforeValidator(_rate_text)]


def _trust(value: object) -> object:
    values = {"true": True, "false": False}
    value = values.get(value.lower(), value) if isinstance(value, str) else value
    if value is not None and not isinstance(value, bool):
        raise ValueError("takes true or false")
    return value


# The options for a scene that contains Python, in the messages of PrepareJob, `frameloom check` and the worker.
TRUST_OPTIONS = (
    "render it with --trust-scripts to run the Python, or with --without-scripts to skip it (in a request, the field "
    "trust_scripts is true or false; in an uploaded scene's metadata it may only be false)"
)


class RenderSettings(Value):
    """The settings that the worker applies to the scene before it renders; None keeps the scene's setting."""

    # Two versions of Blender differ in 2 % of their pixels, so the version is a setting.
    blender: Name | None = None
    # The device of Cycles, None for the CPU. GPUs round differently from the CPU.
    device: Annotated[Device, BeforeValidator(_upper)] | None = None
    scene: Name | None = None
    camera: Name | None = None
    engine: Annotated[Engine, BeforeValidator(_upper)] | None = None
    samples: Annotated[Whole, Field(ge=1, le=65_536)] | None = None
    resolution_percentage: Annotated[Whole, Field(ge=1, le=1000)] | None = None
    format: Annotated[FrameFormat, BeforeValidator(_upper)] = "PNG"
    # Whether Python in the scene runs, with all rights of the worker's user. With None, a scene that contains Python is
    # refused.
    trust_scripts: Annotated[bool | None, BeforeValidator(_trust)] = None
    # The key of an OpenColorIO configuration in the scenes bucket, None for Blender's own.
    ocio: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    # The keys of Blender extensions in the scenes bucket, whose add-ons the scene needs. They are code, so the job must
    # trust it.
    addons: Annotated[tuple[str, ...], Field(min_length=1, max_length=20)] | None = None


def read_device(text: str) -> Device:
    """Return the device with this name, as a parameter of a farm has it.

    Raises:
        InvalidRequest: farms have no such device.
    """
    return RenderSettings.read({"device": text}).device or "CPU"


class VideoSettings(Value):
    """The settings of the film."""

    codec: VideoCodec = "h264"
    # The encoder's constant rate factor: 51 is the lowest quality, 0 with h264 is lossless. None: the codec's default.
    quality: Annotated[Whole, Field(ge=0, le=51)] | None = None

    @property
    def container(self) -> Container:
        """Return the film's container."""
        return CONTAINERS[self.codec]

    @field_validator("quality")
    @classmethod
    def _check_quality(cls, quality: int | None, info: ValidationInfo) -> int | None:
        if quality is not None and info.data.get("codec") == "prores":
            raise ValueError("does not apply to prores, which has one quality: leave it out")
        # With 0, SVT-AV1 chooses a factor itself.
        if quality == 0 and info.data.get("codec") == "av1":
            raise ValueError("takes 1 to 51 with av1: lossless av1 is not supported")
        return quality
