"""The request for a job, parsed from each form of an execution's input."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field

from frameloom.model.allowed_missing import Missing
from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FIRST_FRAME, LAST_FRAME, FrameRange
from frameloom.model.settings import CONTAINERS, Rate, RenderSettings, VideoSettings, Whole

# In bytes. S3 allows 1,024 for a key, and frames' keys are longer than their scene's.
MAX_FILE_LENGTH = 900
# In characters. A longer value comes from a program, and the execution's state must hold it.
MAX_FRAMES_LENGTH = 10_000
# In bytes. A film's key with such a name and a version stays within the limit of S3.
MAX_FILM_LENGTH = 100
MAX_WORKERS = 10_000

# The metadata of a scene whose uploader starts the job itself, as the command line does. The execution that the upload
# starts then skips the job. (A rule of EventBridge cannot match a suffix and exclude a prefix of the same key.)
START, START_NO = "frameloom-start", "no"

# In seconds. A fleet starts with no workers, shares them between jobs, and may have a tenth of the workers that a job
# needs, with an hour of work per chunk. The rest of a chunk's time is for its frames, which may be many and slow.
QUEUE_TIMEOUT = 24 * 3600
CHUNK_TIMEOUT = 36 * 3600
MAX_TIMEOUT = 7 * 24 * 3600
# Seconds without output from Blender. Cycles of 4.5 prints its progress about every 24 seconds, but Blender 5 prints
# one line per frame. The default exceeds any usual frame, since the worker must not kill a Blender that renders.
FRAME_TIMEOUT = 4 * 3600


def scene_file(key: str) -> str:
    """Return `key` if it is valid as a scene's key.

    Raises:
        ValueError: it does not end with `.blend`, or some program may read it as a path outside its folder.
    """
    if not key.endswith(".blend") or key.rsplit("/", 1)[-1] == ".blend":
        raise ValueError("takes the key of a .blend file in the scenes bucket, such as film/shot.blend")
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise ValueError("takes UTF-8 text, not other bytes") from None
    if length > MAX_FILE_LENGTH:
        raise ValueError(f"takes at most {MAX_FILE_LENGTH} bytes")
    plain = _plain(key)
    if "\\" in plain or any(unicodedata.category(character) in _UNPRINTABLE for character in plain):
        raise ValueError("must not contain a backslash or a control character")
    if "\N{REPLACEMENT CHARACTER}" in plain:
        # An escape of invalid UTF-8, such as an overlong form: a lenient decoder reads %c0%ae as a dot.
        raise ValueError("must not contain an escape of invalid UTF-8")
    # Without the extension, as in the folder of the frames: the frames of `...blend` would be in `..`.
    if any(_is_dots(part) for part in plain.removesuffix(".blend").split("/")):
        raise ValueError("takes a path in the bucket, without a leading slash, empty parts, or parts of dots only")
    return key


def config_file(key: str) -> str:
    """Return `key` if it is valid as the key of an OpenColorIO configuration; raise as `scene_file` does."""
    ending = next((ending for ending in (".ocio", ".ocioz") if key.endswith(ending)), None)
    if ending is None:
        raise ValueError("takes the key of a configuration in the scenes bucket, such as studio/config.ocio")
    scene_file(key.removesuffix(ending) + ".blend")
    return key


def _addon_files(given: tuple[str, ...]) -> tuple[str, ...]:
    for key in given:
        if not key.endswith(".zip"):
            raise ValueError("takes the keys of Blender extensions in the scenes bucket, such as studio/rig-1.0.0.zip")
        scene_file(key.removesuffix(".zip") + ".blend")
    return given


# Control, format, surrogate, private and unassigned characters; line and paragraph separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Characters that look like a slash or a backslash, or that some systems convert to one, but NFKC does not.
_LOOK_ALIKES = str.maketrans(
    {
        "\N{FRACTION SLASH}": "/",
        "\N{DIVISION SLASH}": "/",
        "\N{BIG SOLIDUS}": "/",
        "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER RIGHT TO LOWER LEFT}": "/",
        "\N{SET MINUS}": "\\",
        "\N{REVERSE SOLIDUS OPERATOR}": "\\",
        "\N{BIG REVERSE SOLIDUS}": "\\",
        "\N{BOX DRAWINGS LIGHT DIAGONAL UPPER LEFT TO LOWER RIGHT}": "\\",
    }
)
# The same for a dot. Only parts of dots alone matter.
_DOTS = frozenset(".\N{IDEOGRAPHIC FULL STOP}\N{MIDDLE DOT}\N{SYRIAC SUPRALINEAR FULL STOP}")


def _plain(key: str) -> str:
    """Return `key` as the most lenient program would read it: unescaped, with look-alikes replaced."""
    while (plain := unicodedata.normalize("NFKC", unquote(key)).translate(_LOOK_ALIKES)) != key:
        key = plain
    return key


def _is_dots(part: str) -> bool:
    """Return whether a part of a path has only dots, besides invisible characters, which some systems remove."""
    visible = {character for character in part if unicodedata.category(character) not in {"Mn", "Me", "Zs"}}
    return visible <= _DOTS


def _frames_text(frames: str) -> str:
    if len(frames) > MAX_FRAMES_LENGTH:
        raise ValueError(f"{len(frames):,} characters exceed the limit of {MAX_FRAMES_LENGTH:,}")
    return frames


def _folder(key: str) -> str:
    try:
        scene_file(f"{key}/shot.blend")
    except ValueError:
        raise ValueError("takes the key of a folder in the scenes bucket, such as disk") from None
    return key


def _film_name(name: str) -> str:
    if len(name.encode()) > MAX_FILM_LENGTH:
        raise ValueError(f"takes at most {MAX_FILM_LENGTH} bytes")
    if "/" in _plain(name) or name.lower().endswith(tuple(f".{container}" for container in CONTAINERS.values())):
        raise ValueError("takes a file name without folder and extension, such as shot_film")
    try:
        scene_file(f"{name}.blend")
    except ValueError:
        raise ValueError("takes a file name without invisible characters") from None
    return name


Frame = Annotated[Whole, Field(ge=FIRST_FRAME, le=LAST_FRAME)]


class JobRequest(RenderSettings):
    """The request for a job, as `StartExecution`, `submit_job` and the command line send it.

    The frames are `frames`, or `start` to `end` by `step`, or by default those of the scene.
    """

    file: Annotated[str, AfterValidator(scene_file)]
    ocio: Annotated[str, AfterValidator(config_file)] | None = None
    addons: Annotated[tuple[str, ...], Field(min_length=1, max_length=20), AfterValidator(_addon_files)] | None = None
    # The film's name beside the scene, without its extension; None for the scene's name.
    film: Annotated[str, AfterValidator(_film_name)] | None = None
    frames: Annotated[str, AfterValidator(_frames_text)] | None = None
    start: Frame | None = None
    end: Frame | None = None
    step: Annotated[Whole, Field(ge=1, le=LAST_FRAME - FIRST_FRAME)] | None = None
    chunk_size: Annotated[Whole, Field(ge=1, le=10_000)] | None = None
    max_workers: Annotated[Whole, Field(ge=1, le=MAX_WORKERS)] = 100
    queue_timeout: Annotated[Whole, Field(ge=1, le=MAX_TIMEOUT)] = QUEUE_TIMEOUT
    chunk_timeout: Annotated[Whole, Field(ge=2, le=MAX_TIMEOUT)] = CHUNK_TIMEOUT
    frame_timeout: Annotated[Whole, Field(ge=1, le=MAX_TIMEOUT)] = FRAME_TIMEOUT
    fps: Rate | None = None
    video: VideoSettings = VideoSettings()
    output: Literal["frames", "video", "both"] = "both"
    on_missing: Literal["fail", "stitch"] = "fail"
    # The files that may be missing: none, all, or those with these names or patterns.
    missing_assets: Missing = "fail"
    # The folder of the scenes bucket that stands for / on the artist's machine: /mnt/a.png is the key ROOT/mnt/a.png.
    absolute_root: Annotated[str, AfterValidator(_folder)] | None = None
    # Whether one worker renders the frames in order if the scene has simulations without a bake that need it.
    # The default is auto, without a value: an earlier stack does not know the field.
    bake: Literal["auto", "never"] | None = None
    # submit_job starts one job for equal requests; another number starts another job.
    run: Annotated[Whole, Field(ge=1, le=1_000_000_000)] = 1

    def model_post_init(self, _context: object) -> None:
        """Check the fields against each other, and parse the frames.

        Raises:
            InvalidRequest: the fields contradict each other, or the frames are invalid.
        """
        if self.frames is not None and (self.start, self.end, self.step) != (None, None, None):
            raise InvalidRequest(field="frames", problem="cannot be combined with `start`, `end` or `step`")
        if self.frames is None and (self.start is None) != (self.end is None):
            field, other = ("start", "end") if self.start is None else ("end", "start")
            raise InvalidRequest(field=field, problem=f"is missing: `{other}` needs it")
        if self.step is not None and self.start is None:
            raise InvalidRequest(field="step", problem="needs `start` and `end`")
        if self.chunk_timeout <= self.queue_timeout:
            raise InvalidRequest(field="chunk_timeout", problem="must exceed `queue_timeout`, which it includes")
        if self.addons is not None and self.trust_scripts is not True:
            raise InvalidRequest(field="addons", problem="runs code on the workers: the job needs `trust_scripts` too")
        self.frame_range()

    def frame_range(self) -> FrameRange | None:
        """Return the requested frames, None for those of the scene."""
        if self.frames is not None:
            return FrameRange.parse(self.frames)
        if self.start is None or self.end is None:
            return None
        if self.end < self.start:
            raise InvalidRequest(field="end", problem=f"{self.end} is less than `start`, {self.start}")
        return FrameRange.between(self.start, self.end, 1 if self.step is None else self.step, field="end")

    def settings(self) -> RenderSettings:
        """Return the settings that change pixels."""
        return RenderSettings(**{name: getattr(self, name) for name in RenderSettings.model_fields})


def parse_request(event: object, *, metadata: Mapping[str, str] | None = None) -> JobRequest:
    """Return the request in an execution's input.

    Args:
        event: an EventBridge "Object Created" event, or a request with at least `file`.
        metadata: the metadata of the scene object; for an upload, its fields override the scene's settings.

    Raises:
        InvalidRequest: a field is wrong; the message names it and the values that it takes.
    """
    if not isinstance(event, Mapping):
        raise InvalidRequest(field="input", problem='takes a JSON object such as {"file": "shot.blend"}')
    if not is_upload(event):
        return JobRequest.read(event)
    overrides = _overrides(metadata or {})
    request = JobRequest.read({"file": _uploaded_key(event), **overrides})
    if request.trust_scripts:
        # A copy of a scene keeps its metadata, so a scene could declare itself trusted.
        problem = "takes only false in a scene's metadata, not true: to trust the scene, start the job with a request"
        raise InvalidRequest(field="trust_scripts", problem=problem)
    return request


def is_upload(event: object) -> bool:
    """Return whether an execution's input is an "Object Created" event."""
    return isinstance(event, Mapping) and event.get("detail-type") == "Object Created"


def _uploaded_key(event: Mapping[str, Any]) -> str:
    try:
        key = event["detail"]["object"]["key"]
    except (KeyError, TypeError):
        key = None
    if not isinstance(key, str):
        raise InvalidRequest(field="detail.object.key", problem="is missing from the upload's event")
    return key


def _overrides(metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the request fields in an object's metadata; other names belong to the uploader."""
    names = {name.lower().replace("-", "_"): value for name, value in metadata.items()}
    fields: dict[str, Any] = {name: names[name] for name in JobRequest.model_fields if name in names}
    fields.pop("file", None)
    video = {name: names[name] for name in VideoSettings.model_fields if name in names}
    return {**fields, "video": video} if video else fields
