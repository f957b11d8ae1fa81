"""Renders one chunk: scene, frames, uploads; knows nothing of queues and tokens."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from frameloom.model import keys
from frameloom.model.errors import BlenderMismatch, FarmError, FrameInvalid, WorkerFailed
from frameloom.model.frames import FrameRange
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage
from worker.blender import Blender, ChildGone
from worker.log import log
from worker.scenes import SceneCache
from worker.uploads import Uploads

# Frames rendered and not yet stored: past this the network is the slower half, and the disk would fill.
UPLOADS_BEHIND = 8


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a chunk: wall seconds by frame that is in S3, and the error that ended it, if any."""

    frame_seconds: dict[int, float] = field(default_factory=dict)
    reused: int = 0
    error: FarmError | None = None
    # Whether any frame was unfit to be stored, even if another error came first.
    unfit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRenderer:
    """What a worker renders chunks with."""

    blender: Blender
    scenes: SceneCache
    uploads: Uploads
    scratch: Path
    version: str

    def render(self, message: ChunkMessage, *, ended: Callable[[], bool]) -> Outcome:
        """Render what is missing of a chunk; return when every upload has ended, whatever happened.

        Args:
            ended: whether the chunk must not be rendered on; asked before each frame. Whoever ends it also
                kills Blender, and the outcome then holds what was finished.
        """
        outcome = Outcome()
        sent: dict[int, tuple[Future[None], float]] = {}
        try:
            self._render(message, ended, outcome, sent)
        except ChildGone:
            log.info(LogEvent.BLENDER_KILLED, "Blender process killed")
        except FarmError as error:
            outcome.error = error
        except Exception as error:  # noqa: BLE001  whatever S3 or the disk has, the chunk must get an answer
            outcome.error = WorkerFailed(where="the chunk", problem=f"{type(error).__name__}: {error}")
        self._settle(sent, outcome, left=0)
        if outcome.unfit:
            # This worker may get the next attempt, and a process cannot confirm its own frames (worker.flat_frames).
            self.blender.close()
        return outcome

    def _render(
        self,
        message: ChunkMessage,
        ended: Callable[[], bool],
        outcome: Outcome,
        sent: dict[int, tuple[Future[None], float]],
    ) -> None:
        if message.settings.blender not in (None, self.version):
            raise BlenderMismatch(wanted=message.settings.blender, held=self.version)
        self.blender.patience = timedelta(seconds=message.frame_timeout)
        frames = list(message.frame_range())
        present = self.uploads.present(message, frames)
        scene = message.scene
        path = self.scenes.fetch(scene)
        network = self.blender.open(
            path,
            message.settings,
            name=scene.key,
            complete=scene.missing_assets is None,
            root=self.scenes.home_of(path),
        )
        if network is not None:
            log.warning(LogEvent.SANDBOX_REFUSED, "Blender has network access", problem=network)
        there = present.result()
        outcome.reused = len(there)
        for run in _runs(frame for frame in frames if frame not in there):
            for frame in run:
                if ended():
                    return
                log.info(LogEvent.FRAME_STARTED, "Frame started", frame=frame)
                name = keys.frame_name(frame, message.settings.format)
                rendered = self.blender.render(frame, self.scratch / name, run=run)
                sent[frame] = self.uploads.send(message, rendered), rendered.seconds
                log.info(LogEvent.FRAME_RENDERED, "Frame rendered", frame=frame, seconds=rendered.seconds)
                self._settle(sent, outcome, left=UPLOADS_BEHIND)

    def _settle(self, sent: dict[int, tuple[Future[None], float]], outcome: Outcome, *, left: int) -> None:
        """Wait until at most `left` uploads are under way; the first that failed is the chunk's error."""
        for frame in list(sent)[: max(0, len(sent) - left)]:
            upload, seconds = sent.pop(frame)
            try:
                upload.result()
                outcome.frame_seconds[frame] = seconds
            except FarmError as error:
                outcome.error = outcome.error or error
                outcome.unfit |= isinstance(error, FrameInvalid)
            except Exception as error:  # noqa: BLE001  as above
                outcome.error = outcome.error or WorkerFailed(where=f"the upload of frame {frame}", problem=str(error))


def _runs(frames: Iterable[int]) -> Iterator[range]:
    """Yield frames that Blender can render as one animation: none has frames below 0, each is one of its own."""
    for span in FrameRange.of(frames).spans:
        yield from (range(frame, frame + 1) for frame in span if frame < 0)
        if rest := [frame for frame in span if frame >= 0]:
            yield range(rest[0], span.stop, span.step)
