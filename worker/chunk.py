"""Renders one chunk: downloads the scene, renders the frames, uploads them. Queue and task token are elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from frameloom.model.errors import FarmError, FrameInvalid, WorkerFailed
from frameloom.model.frames import FrameRange
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage
from frameloom.model.simulations import Order
from worker.blender import Blender
from worker.blender_versions import find_blender
from worker.log import log
from worker.outcome import Outcome
from worker.scenes import SceneCache
from worker.uploads import Uploads

# Rendered frames that may wait for their upload. On a slow network, more would fill the disk.
WAITING_UPLOADS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRenderer:
    """Renders chunks with the Blender that each one's settings name; `scratch` is a folder for frames."""

    blender: Blender
    scenes: SceneCache
    uploads: Uploads
    scratch: Path

    def render(self, message: ChunkMessage, *, released: Callable[[], bool]) -> Outcome:
        """Render the missing frames of a chunk; return when all uploads have ended, also after an error.

        Args:
            released: whether the worker has released the chunk; checked before each frame. The code that releases
                a chunk also kills Blender. The outcome then holds the finished frames.
        """
        outcome = Outcome()
        sent: dict[int, tuple[Future[None], float]] = {}
        with outcome.catching("the chunk"):
            self._render(message, released, outcome, sent)
        self._finish_uploads(sent, outcome, left=0)
        if outcome.invalid:
            # This worker may get the next attempt, and a process cannot confirm its own frames (worker/flat_frames.py).
            self.blender.close()
        return outcome

    def _render(
        self,
        message: ChunkMessage,
        released: Callable[[], bool],
        outcome: Outcome,
        sent: dict[int, tuple[Future[None], float]],
    ) -> None:
        # First of all: a scene may take minutes to download.
        find_blender(message.settings.blender)
        self.blender.silence_timeout = timedelta(seconds=message.frame_timeout)
        frames = list(message.frame_range())
        present = self.uploads.present(message, frames)
        scene = message.scene
        path = self.scenes.fetch(scene)
        if scene.order is not None:
            # The open scene's simulations are those of its last frame.
            self.blender.close()
        network = self.blender.open(
            path,
            message.settings,
            name=scene.key,
            complete=scene.missing_assets != "render",
            allowed=scene.missing_assets if isinstance(scene.missing_assets, tuple) else (),
            root=self.scenes.folder_of(path),
            absolute=self.scenes.absolute_folder(scene, path),
        )
        if network is not None:
            log.warning(LogEvent.SANDBOX_REFUSED, "Blender has network access", problem=network)
        stored = present.result()
        outcome.reused = len(stored)
        for run, wanted in passes(FrameRange.of(frame for frame in frames if frame not in stored), scene.order):
            if not wanted:
                if released():
                    return
                log.info(LogEvent.FRAMES_PASSED, "Frames simulated", frames=f"{run[0]}-{run[-1]}")
                self.blender.pass_through(run)
                continue
            for frame in run:
                if released():
                    return
                log.info(LogEvent.FRAME_STARTED, "Frame started", frame=frame)
                paths = [self.scratch / name for name in message.files.names(frame)]
                rendered = self.blender.render(frame, *paths, run=run)
                sent[frame] = self.uploads.send(message, rendered), rendered.seconds
                log.info(LogEvent.FRAME_RENDERED, "Frame rendered", frame=frame, seconds=rendered.seconds)
                self._finish_uploads(sent, outcome, left=WAITING_UPLOADS)

    def _finish_uploads(self, sent: dict[int, tuple[Future[None], float]], outcome: Outcome, *, left: int) -> None:
        """Wait until at most `left` uploads are pending; the first error of an upload is the chunk's error."""
        for frame in list(sent)[: max(0, len(sent) - left)]:
            upload, seconds = sent.pop(frame)
            try:
                upload.result()
                outcome.frame_seconds[frame] = seconds
            except FarmError as error:
                outcome.error = outcome.error or error
                outcome.invalid |= isinstance(error, FrameInvalid)
            except Exception as error:  # noqa: BLE001  the chunk must be answered after any error
                outcome.error = outcome.error or WorkerFailed(where=f"the upload of frame {frame}", problem=str(error))


def passes(wanted: FrameRange, order: Order | None) -> Iterator[tuple[range, bool]]:
    """Yield the runs of frames through which Blender passes, and whether their images are wanted."""
    if order is None:
        yield from ((run, True) for run in _runs(wanted))
        return
    images = set(wanted)
    for is_wanted, frames in groupby(order.frames(wanted), key=images.__contains__):
        yield from ((run, is_wanted) for run in _runs(frames))


def _runs(frames: Iterable[int]) -> Iterator[range]:
    """Yield ranges that Blender can render as one animation; it has no frames below 0, so each of these is alone."""
    for span in FrameRange.of(frames).spans:
        yield from (range(frame, frame + 1) for frame in span if frame < 0)
        if rest := [frame for frame in span if frame >= 0]:
            yield range(rest[0], span.stop, span.step)
