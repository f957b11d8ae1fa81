"""Frames on their way to S3 while the next one renders."""

import shutil
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from frameloom.model import keys
from frameloom.model.errors import FrameInvalid
from frameloom.model.messages import ChunkMessage
from frameloom.model.settings import CONTENT_TYPES
from frameloom.services.images.integrity import ImageFacts, check_image
from frameloom.services.storage.parallel_listing import list_between
from frameloom.services.storage.ports import Store
from worker.blender import Rendered
from worker.flat_frames import Doubts

# Two connections outrun any renderer; more would only hold more frames in memory.
AT_ONCE = 2
# Bytes: a disk that has no more has none.
FULL = 64 * 1024


class Uploads:
    """Checks and uploads a chunk's frames beside the render."""

    def __init__(self, store: Store, doubts: Doubts) -> None:
        self._store, self._doubts = store, doubts
        self._pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="upload")

    def present(self, message: ChunkMessage, frames: Iterable[int]) -> Future[set[int]]:
        """Find out which of the chunk's frames an earlier attempt has left in S3."""
        return self._pool.submit(self._present, message, list(frames))

    def send(self, message: ChunkMessage, rendered: Rendered) -> Future[None]:
        """Check one frame and store it, whole or not at all; its file is gone afterwards."""
        return self._pool.submit(self._send, message, rendered)

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown()

    def _present(self, message: ChunkMessage, frames: list[int]) -> set[int]:
        wanted = {_key(message, frame): frame for frame in frames}
        output = message.output
        found = list_between(self._store, output.bucket, output.prefix, [min(wanted), max(wanted)])
        return {wanted[stored.key] for stored in found if stored.key in wanted and stored.size > 0}

    def _send(self, message: ChunkMessage, rendered: Rendered) -> None:
        file_format = message.settings.format
        try:
            data = rendered.path.read_bytes()
            try:
                facts = check_image(data, format=file_format, frame=rendered.frame, size=rendered.size)
            except FrameInvalid as error:
                # Blender calls a frame finished that found no room; asked while the half of it still takes its room.
                if shutil.disk_usage(rendered.path.parent).free < FULL:
                    problem = f"{error.facts['problem']}; no space is left on the worker's disk"
                    raise FrameInvalid(frame=rendered.frame, problem=problem) from error
                raise
            if facts is not None and facts.bit_depth < rendered.depth:
                problem = f"it has {facts.bit_depth} bits a channel, not {rendered.depth}"
                raise FrameInvalid(frame=rendered.frame, problem=problem)
            flat, reason = rendered.flat, rendered.problem
            if file_format == "OPEN_EXR" and facts is not None:
                flat, reason = _exr_findings(rendered.path, facts)
            if reason is not None:
                raise FrameInvalid(frame=rendered.frame, problem=reason)
            if flat is not None:
                self._doubts.settle(message, rendered.frame, flat, process=rendered.process)
            self._store.put(
                message.output.bucket, _key(message, rendered.frame), data, content_type=CONTENT_TYPES[file_format]
            )
        finally:
            rendered.path.unlink(missing_ok=True)


def _exr_findings(path: Path, facts: ImageFacts) -> tuple[str | None, str | None]:
    """Return the colour of a flat frame, and the reason why a frame must not be stored."""
    # Imported here because it needs numpy, which takes 25 MB: only a worker that renders OpenEXR frames pays for it.
    from frameloom.services.images.exr_pixels import check_pixels  # noqa: PLC0415

    findings = check_pixels(path, facts)
    return findings.flat, findings.problem


def _key(message: ChunkMessage, frame: int) -> str:
    return keys.frame_key(message.output.prefix, frame, message.settings.format)
