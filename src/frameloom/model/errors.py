"""The errors of the farm.

    FarmError
    ├── JobImpossible       the job cannot succeed: it fails at once, without a retry
    │   ├── InvalidRequest  SceneNotFound  SceneUnreadable  SceneTooNew
    │   ├── MissingAssets   NoCamera  FramesMissing  EncodeFailed  InternalError
    ├── AttemptFailed       one attempt failed: another worker retries it; after the last attempt it is recorded
    │   ├── RenderCrashed   RenderHung  OutOfMemory  FrameInvalid
    │   ├── WorkerFailed    BlenderMismatch  DeviceMissing
    ├── ChunkLost           no worker finished the chunk, so the dead-letter queue has it: retried, then recorded
    ├── TaskLost            the same for a task of the whole scene: retried, then the job fails
    ├── NoResult            `Job.wait` has no result to return (client only)
    │   ├── JobFailed  JobCanceled  JobUnfinished
    └── FarmUnavailable     the farm cannot be reached or used (client only)

The names of the classes are interface: the state machine's Retry and Catch list them, and task failures carry them.
The docstring of a class is the template of its message; the arguments of the constructor fill it.
"""

from typing import Any


class FarmError(Exception):
    """The farm failed."""

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
    """Bucket {bucket!r} has no scene {key!r}: upload the scene first, or check the spelling of its key."""


class SceneUnreadable(JobImpossible):
    """{file!r} is not a readable .blend file: {problem}."""


class SceneTooNew(JobImpossible):
    """{file!r} was saved by Blender {version}, but this farm has Blender {held}: add a newer one (on this machine with
    `frameloom blender add {version}`, to a stack with the parameter BlenderVersions), or save the scene with Blender
    {newest} or older."""


class MissingAssets(JobImpossible):
    """{file!r} refers to files that are missing: {assets}. Upload each to its path relative to the scene, pack them
    into the scene, or render without them with `missing_assets=render`."""


class NoCamera(JobImpossible):
    """Scene {scene!r} of {file!r} has no camera, and the picture needs it: set one in that scene's properties, or name
    one for the rendered scene with `camera`."""


class FramesMissing(JobImpossible):
    """{count} of {total} frames are missing: {frames}. {reason}"""


class EncodeFailed(JobImpossible):
    """The video could not be encoded: {problem}."""


class InternalError(JobImpossible):
    """Frameloom failed at {where}. This is a fault of Frameloom, not of the scene: please report it. {problem}
    (traceback: {trace})."""


class AttemptFailed(FarmError):
    """The attempt failed."""


class RenderCrashed(AttemptFailed):
    """Blender failed at {where}: {problem}."""


class RenderHung(AttemptFailed):
    """Blender hung at {where}: it printed nothing for {seconds} s and was killed. Its last output: {output}."""


class OutOfMemory(AttemptFailed):
    """Blender ran out of memory at {where}: {problem}."""


class FrameInvalid(AttemptFailed):
    """Frame {frame} is invalid: {problem}."""


class WorkerFailed(AttemptFailed):
    """The worker failed at {where}, not Blender or the scene: {problem}."""


class BlenderMismatch(AttemptFailed):
    """The job needs Blender {wanted}, but this worker has Blender {held}."""


class DeviceMissing(AttemptFailed):
    """The job needs the device {wanted}, which this worker does not have."""


class ChunkLost(FarmError):
    """Several workers received chunk {chunk_id} with frames {frames}, but none finished it: the chunk may crash its
    workers. The end of its log: {log}."""


class TaskLost(FarmError):
    """Several workers received the job's task {task!r}, but none finished it: the scene may crash Blender and its
    workers. The end of its log: {log}."""


class FarmUnavailable(FarmError):
    """{problem}"""


class NoResult(FarmError):
    """The job has no result."""


class JobFailed(NoResult):
    """Job {job_id} failed with {error}: {cause}"""


class JobCanceled(NoResult):
    """{cause}"""


class JobUnfinished(NoResult):
    """Job {job_id} {problem}."""


def leaves(kind: type[FarmError]) -> list[type[FarmError]]:
    """Return the subclasses of `kind` that have no subclasses themselves, in the order of this file."""
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


def names(kind: type[FarmError]) -> list[str]:
    """Return the names of the leaves of `kind`, as ErrorEquals lists them."""
    return [leaf.__name__ for leaf in leaves(kind)]


def by_name(name: str) -> type[FarmError] | None:
    """Return the class with this name, None if the farm has no such error."""
    return {leaf.__name__: leaf for leaf in leaves(FarmError)}.get(name)
