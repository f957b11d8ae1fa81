"""The messages of the chunk queue and the log queue, and the results of chunks."""

from typing import Any, Literal

from pydantic import BaseModel, Field, RootModel

from frameloom.model.base import Value
from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import FrameRange
from frameloom.model.job import OutputRef, SceneRef
from frameloom.model.log_event import KnownLogEvent
from frameloom.model.settings import RenderSettings

VERSION = 1

TaskKind = Literal["inspect"]


class ChunkSpec(Value):
    """One item of the distributed Map: the fields in which chunks of a job differ."""

    chunk_id: str
    frames: str


class ChunkMessage(Value):
    """One message of the chunk queue: a task token, and all that a worker needs to render the chunk."""

    version: Literal[1]
    task_token: str
    job_id: str
    chunk_id: str
    attempt: int
    scene: SceneRef
    frames: str
    output: OutputRef
    settings: RenderSettings
    # Seconds without output after which Blender counts as hung.
    frame_timeout: int = 14_400

    @property
    def files(self) -> FrameFiles:
        """The files of each frame."""
        return FrameFiles.of(self.settings.format, self.output.endings)

    def frame_range(self) -> FrameRange:
        """Return the chunk's frames, in order."""
        return FrameRange.parse(self.frames)


class SceneTask(Value):
    """One message of the chunk queue that is no chunk: a task token, and work on the whole scene.

    | task | result |
    |---|---|
    | `inspect` | the facts about the scene in `keys.facts_key`, for a file that only Blender can read |

    Attributes:
        settings: the job's settings; the task uses the Blender version alone.
        frame_timeout: seconds without output after which Blender counts as hung.
    """

    version: Literal[1]
    task_token: str
    task: TaskKind
    job_id: str
    attempt: int
    scene: SceneRef
    settings: RenderSettings
    frame_timeout: int = 14_400

    @property
    def chunk_id(self) -> str:
        """Return the task's name in logs, in the place of a chunk's id; no chunk has such an id."""
        return self.task


class QueueMessage(RootModel[ChunkMessage | SceneTask]):
    """Any message of the chunk queue."""


class TaskAnswer(Value):
    """The output in `SendTaskSuccess` for a `SceneTask`."""

    task: str
    seconds: float
    worker: str


class UnreadableMessage(BaseModel):
    """The task token of a message that is not a `QueueMessage` of this version, so that its task can fail."""

    version: Any = None
    task_token: str = Field(min_length=1, max_length=2048)


class UnreadableChunk(BaseModel):
    """The chunk of such a message, if its fields have this version's form; S3 keys are made from them."""

    job_id: str = Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,79}$")
    chunk_id: str = Field(pattern=r"^[0-9]{1,3}-[0-9]{6,9}$")
    attempt: int = Field(ge=0, le=1000)
    frames: str = Field(max_length=10_000)


class ChunkAnswer(Value):
    """The output in `SendTaskSuccess`, small for chunks of any size."""

    chunk_id: str
    rendered: int
    reused: int
    seconds: float
    worker: str


class ChunkResult(Value):
    """The result of one attempt at a chunk, in the log bucket; times are in seconds."""

    chunk_id: str
    frames: str
    worker: str
    attempt: int
    rendered: int = 0
    reused: int = 0
    seconds: float = 0
    frame_seconds: dict[str, float] = Field(default_factory=dict)
    error: str | None = None
    cause: str | None = None
    # The last lines of the log, for a lost chunk.
    log: list[str] | None = None


class LogRecord(Value):
    """One line of a worker's log; `message` is for people, `event` for programs.

    Lines of libraries have no event, nor have those of workers of an older version.
    """

    time: str
    level: Literal["debug", "info", "warning", "error"]
    event: KnownLogEvent = None
    message: str
    worker: str
    job_id: str | None = None
    chunk_id: str | None = None
    frame: int | None = None
    facts: dict[str, Any] = Field(default_factory=dict)


class LogBatch(Value):
    """One message of the log queue: a part of one worker's log of one job. Its name prevents storing it twice."""

    worker: str
    job_id: str
    part: str
    records: list[LogRecord]
