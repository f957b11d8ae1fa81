"""The outcome of a message, and the errors that become part of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from frameloom.model.errors import FarmError, WorkerFailed
from frameloom.model.log_event import LogEvent
from worker.blender import BlenderKilled
from worker.log import log


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The result of a message: for a chunk the seconds of wall time by rendered frame in S3, and the first error."""

    frame_seconds: dict[int, float] = field(default_factory=dict)
    reused: int = 0
    error: FarmError | None = None
    # Whether a frame was invalid, even if another error came first.
    invalid: bool = False

    @contextmanager
    def catching(self, where: str) -> Iterator[None]:
        """Keep the error of the block, since a message must be answered after any error.

        Args:
            where: the work in the block, for errors that are faults of the worker.
        """
        try:
            yield
        except BlenderKilled:
            log.info(LogEvent.BLENDER_KILLED, "Blender process killed")
        except FarmError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001  see above
            self.error = WorkerFailed(where=where, problem=f"{type(error).__name__}: {error}")
