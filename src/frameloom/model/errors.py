"""Every error that has a meaning beyond the line that raised it.

    FarmError
    ├── JobImpossible       the job cannot succeed: it fails at once, and nothing is retried
    │   ├── InvalidRequest  SceneNotFound  SceneUnreadable  SceneTooNew
    │   ├── MissingAssets   NoCamera  FramesMissing  EncodeFailed
    ├── AttemptFailed       this attempt failed: retried elsewhere, then recorded
    │   ├── RenderCrashed   RenderHung  OutOfMemory  FrameInvalid
    │   ├── WorkerFailed    BlenderMismatch  DeviceMissing
    ├── ChunkLost           nobody answered: told by the dead-letter queue, retried, then recorded
    ├── NoResult            `Job.wait` has no result to return (client only)
    │   ├── JobFailed  JobCanceled  JobUnfinished
    └── FarmUnavailable     the farm itself cannot be reached or used (client only)

A class's name is interface: it stands in the state machine's Retry and Catch, and in a chunk's answer.
A class's docstring is its message, filled with the facts it was raised with.
"""

from typing import Any


class FarmError(Exception):
    """Something went wrong in the farm."""

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        template = " ".join((type(self).__doc__ or "").split())
        super().__init__(template.format_map(facts))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.facts)


def _rebuild(kind: type[FarmError], facts: dict[str, Any]) -> FarmError:
    return kind(**facts)


class JobImpossible(FarmError):
    """The job cannot succeed."""


class InvalidRequest(JobImpossible):
    """{field}: {problem}."""


class SceneNotFound(JobImpossible):
    """There is no scene {key!r} in bucket {bucket!r}: upload it first, or check its spelling."""


class SceneUnreadable(JobImpossible):
    """{file!r} is not a readable .blend file: {problem}."""


class SceneTooNew(JobImpossible):
    """{file!r} was saved by Blender {version}, but this farm renders with {supported}: save it with
    {supported} or older, or deploy a farm with a newer Blender."""


class MissingAssets(JobImpossible):
    """{file!r} refers to files that are not there: {assets}. Upload them beside it, as the paths say, pack them into
    it, or render without them by `missing_assets=render`."""


class NoCamera(JobImpossible):
    """Scene {scene!r} of {file!r} has no camera to render from: set one, or name one with `camera`."""


class FramesMissing(JobImpossible):
    """{count} of {total} frames are missing: {frames}. {reason}"""


class EncodeFailed(JobImpossible):
    """The video could not be encoded: {problem}."""


class AttemptFailed(FarmError):
    """This attempt to render failed."""


class RenderCrashed(AttemptFailed):
    """Blender failed at {where}: {problem}."""


class RenderHung(AttemptFailed):
    """Blender hung at {where}: it said nothing for {seconds} s and was killed; its last words: {words}."""


class OutOfMemory(AttemptFailed):
    """Blender ran out of memory at {where}: {problem}."""


class FrameInvalid(AttemptFailed):
    """Frame {frame} is not fit to be stored: {problem}."""


class WorkerFailed(AttemptFailed):
    """The worker failed at {where}, which is no fault of Blender or the scene: {problem}."""


class BlenderMismatch(AttemptFailed):
    """The job wants Blender {wanted}, but this worker holds {held}."""


class DeviceMissing(AttemptFailed):
    """The job wants {wanted}, but this worker has no such device."""


class ChunkLost(FarmError):
    """Chunk {chunk_id} of frames {frames} went to worker after worker and none finished it: it may kill them. Its
    last words: {words}."""


class FarmUnavailable(FarmError):
    """{problem}"""


class NoResult(FarmError):
    """The job has no result."""


class JobFailed(NoResult):
    """Job {job_id} failed with {error}: {cause}"""


class JobCanceled(NoResult):
    """Job {job_id} was canceled: {cause}"""


class JobUnfinished(NoResult):
    """Job {job_id} has not ended yet; waited {seconds} s for it."""


def leaves(kind: type[FarmError]) -> list[type[FarmError]]:
    """Return the classes below `kind` that have none below them, in the order of this file."""
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


def names(kind: type[FarmError]) -> list[str]:
    """Return the names of `kind`'s leaves: what ErrorEquals lists."""
    return [leaf.__name__ for leaf in leaves(kind)]


def by_name(name: str) -> type[FarmError] | None:
    """Return the class of an error's name, None for a name that is not ours."""
    return {leaf.__name__: leaf for leaf in leaves(FarmError)}.get(name)
