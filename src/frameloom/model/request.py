"""What a job is asked to do, in each of the shapes that a job starts from."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from pydantic import AfterValidator, Field

from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FIRST_FRAME, LAST_FRAME, FrameRange
from frameloom.model.settings import CONTAINERS, Rate, RenderSettings, VideoSettings, Whole

# S3 allows 1,024 bytes; the frames' folder and names are added to it.
MAX_FILE_LENGTH = 900
# Characters of `frames`: more is no longer written by a person, and state machines hand inputs around.
MAX_FRAMES_LENGTH = 10_000
# In bytes. A film's key with such a name and a version stays within S3's limit.
MAX_FILM_LENGTH = 100
MAX_WORKERS = 10_000

# Metadata of a scene object whose uploader starts the job itself, as the command line does: the upload's own
# event then starts nothing. (EventBridge cannot ask for a suffix and against a prefix of one key.)
START, START_NO = "frameloom-start", "no"

# Seconds: a fleet grows from nothing, is shared with other jobs, and may have a tenth of the workers that a job would
# keep busy, with an hour of work to a chunk. The rest of a chunk's time is for its frames, which may be many and slow.
QUEUE_TIMEOUT = 24 * 3600
CHUNK_TIMEOUT = 36 * 3600
LONGEST_TIMEOUT = 7 * 24 * 3600
# Seconds of silence that Blender is allowed. Cycles of 4.5 tells of its progress every 24 seconds or so, but Blender 5
# says one line a frame: longer than any frame that is worth waiting for, since none that renders may be killed.
FRAME_TIMEOUT = 4 * 3600


def scene_file(key: str) -> str:
    """Return `key` where it can be a scene's key in its bucket.

    Raises:
        ValueError: it is no `.blend`, or its path could lead out of the bucket's folders.
    """
    if not key.endswith(".blend") or key.rsplit("/", 1)[-1] == ".blend":
        raise ValueError("takes the key of a .blend file in the scenes bucket, such as film/shot.blend")
    try:
        length = len(key.encode())
    except UnicodeEncodeError:
        raise ValueError("must not hold bytes that are not UTF-8") from None
    if length > MAX_FILE_LENGTH:
        raise ValueError(f"takes at most {MAX_FILE_LENGTH} bytes")
    plain = _plain(key)
    if "\\" in plain or any(unicodedata.category(character) in _UNPRINTABLE for character in plain):
        raise ValueError("must not hold a backslash or a control character")
    if "\N{REPLACEMENT CHARACTER}" in plain:
        # Bytes that are no UTF-8, as overlong forms are: a reader that is not strict takes %c0%ae for a dot.
        raise ValueError("must not hold an escape that is no character")
    # Less its suffix, since that is the folder of the frames: `...blend` is a scene in `..`.
    if any(_leads_out(part) for part in plain.removesuffix(".blend").split("/")):
        raise ValueError("takes a path inside the bucket: no leading slash, no empty part, none of dots alone")
    return key


# Controls, formats, surrogates, private and unassigned characters; separators of lines and paragraphs.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# What looks like a slash or a backslash to a person, or is folded to one by some system, and is not by NFKC.
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
# Likewise of a dot; a dot inside of a name is no concern of ours.
_DOTS = frozenset(".\N{IDEOGRAPHIC FULL STOP}\N{MIDDLE DOT}\N{SYRIAC SUPRALINEAR FULL STOP}")


def _plain(key: str) -> str:
    """Return `key` as the most obliging reader would take it: unescaped, look-alikes as what they look like."""
    while (plain := unicodedata.normalize("NFKC", unquote(key)).translate(_LOOK_ALIKES)) != key:
        key = plain
    return key


def _leads_out(part: str) -> bool:
    """Say whether a part of a path is empty or dots alone, less what nobody sees and some systems cut off."""
    seen = {character for character in part if unicodedata.category(character) not in {"Mn", "Me", "Zs"}}
    return seen <= _DOTS


def _short_enough(frames: str) -> str:
    if len(frames) > MAX_FRAMES_LENGTH:
        raise ValueError(f"{len(frames):,} characters are over the limit of {MAX_FRAMES_LENGTH:,}")
    return frames


def _film_name(name: str) -> str:
    if len(name.encode()) > MAX_FILM_LENGTH:
        raise ValueError(f"takes at most {MAX_FILM_LENGTH} bytes")
    if "/" in _plain(name) or name.lower().endswith(tuple(f".{container}" for container in CONTAINERS.values())):
        raise ValueError("takes a file's name without folder and extension, such as shot_film")
    try:
        scene_file(f"{name}.blend")
    except ValueError:
        raise ValueError("takes a file's name without invisible characters") from None
    return name


Frame = Annotated[Whole, Field(ge=FIRST_FRAME, le=LAST_FRAME)]


class JobRequest(RenderSettings):
    """A job, as `StartExecution`, `submit_job` and the command line ask for it.

    The frames are `frames`, or `start` to `end` by `step`, or neither: then the scene's own.
    """

    file: Annotated[str, AfterValidator(scene_file)]
    # The film's name beside the scene, without its extension; None stands for the scene's.
    film: Annotated[str, AfterValidator(_film_name)] | None = None
    frames: Annotated[str, AfterValidator(_short_enough)] | None = None
    start: Frame | None = None
    end: Frame | None = None
    step: Annotated[Whole, Field(ge=1, le=LAST_FRAME - FIRST_FRAME)] | None = None
    chunk_size: Annotated[Whole, Field(ge=1, le=10_000)] | None = None
    max_workers: Annotated[Whole, Field(ge=1, le=MAX_WORKERS)] = 100
    queue_timeout: Annotated[Whole, Field(ge=1, le=LONGEST_TIMEOUT)] = QUEUE_TIMEOUT
    chunk_timeout: Annotated[Whole, Field(ge=2, le=LONGEST_TIMEOUT)] = CHUNK_TIMEOUT
    frame_timeout: Annotated[Whole, Field(ge=1, le=LONGEST_TIMEOUT)] = FRAME_TIMEOUT
    fps: Rate | None = None
    video: VideoSettings = VideoSettings()
    output: Literal["frames", "video", "both"] = "both"
    on_missing: Literal["fail", "stitch"] = "fail"
    # What becomes of a scene that refers to files which are not beside it in the bucket.
    missing_assets: Literal["fail", "render"] = "fail"
    # The same request starts one job; another number here starts one more.
    run: Annotated[Whole, Field(ge=1, le=1_000_000_000)] = 1

    def model_post_init(self, _context: object) -> None:
        """Refuse what each field allows but the whole does not; frames are parsed here, at the edge."""
        if self.frames is not None and (self.start, self.end, self.step) != (None, None, None):
            raise InvalidRequest(field="frames", problem="cannot be combined with `start`, `end` or `step`")
        if self.frames is None and (self.start is None) != (self.end is None):
            field, other = ("start", "end") if self.start is None else ("end", "start")
            raise InvalidRequest(field=field, problem=f"is missing: `{other}` alone names no frames")
        if self.step is not None and self.start is None:
            raise InvalidRequest(field="step", problem="goes with `start` and `end`")
        if self.chunk_timeout <= self.queue_timeout:
            raise InvalidRequest(field="chunk_timeout", problem="must be more than `queue_timeout`, which it includes")
        self.frame_range()

    def frame_range(self) -> FrameRange | None:
        """Return the frames asked for, None for the scene's own."""
        if self.frames is not None:
            return FrameRange.parse(self.frames)
        if self.start is None or self.end is None:
            return None
        if self.end < self.start:
            raise InvalidRequest(field="end", problem=f"{self.end} comes before `start`, {self.start}")
        return FrameRange.between(self.start, self.end, 1 if self.step is None else self.step, field="end")

    def settings(self) -> RenderSettings:
        """Return the part of the request that changes pixels."""
        return RenderSettings(**{name: getattr(self, name) for name in RenderSettings.model_fields})


def parse_request(event: object, *, metadata: Mapping[str, str] | None = None) -> JobRequest:
    """Return the request in an execution's input, whichever of the three shapes it has.

    Args:
        event: an EventBridge "Object Created" event, or a request with at least `file`.
        metadata: the scene object's own metadata; of an upload it overrides the scene, name by name.

    Raises:
        InvalidRequest: naming the field, what is wrong with it and what it takes.
    """
    if not isinstance(event, Mapping):
        raise InvalidRequest(field="input", problem='takes a JSON object such as {"file": "shot.blend"}')
    if not is_upload(event):
        return JobRequest.read(event)
    overrides = _overrides(metadata or {})
    request = JobRequest.read({"file": _uploaded_key(event), **overrides})
    if request.trust_scripts:
        # Copied from bucket to bucket, a scene takes its metadata along, and would vouch for itself.
        problem = "true is not accepted from a scene's metadata, only false: start the job with a request instead"
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
    """Return the request fields among an object's metadata; the rest belongs to whoever uploaded it."""
    names = {name.lower().replace("-", "_"): value for name, value in metadata.items()}
    fields: dict[str, Any] = {name: names[name] for name in JobRequest.model_fields if name in names}
    fields.pop("file", None)
    video = {name: names[name] for name in VideoSettings.model_fields if name in names}
    return {**fields, "video": video} if video else fields
