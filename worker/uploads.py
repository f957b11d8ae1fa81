"""Checks and uploads frames while the next frame renders."""

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
from worker.flat_frames import FlatFrames
from worker.rendered_frame import RenderedFrame

# Two connections are faster than any renderer. More would only keep more frames in memory.
PARALLEL_UPLOADS = 2
# Below this many free bytes the disk counts as full.
FULL_BELOW = 64 * 1024


class Uploads:
    """Two threads that check and upload frames; `close` waits for them."""

    def __init__(self, store: Store, flat_frames: FlatFrames) -> None:
        self._store, self._flat_frames = store, flat_frames
        self._pool = ThreadPoolExecutor(max_workers=PARALLEL_UPLOADS, thread_name_prefix="upload")

    def present(self, message: ChunkMessage, frames: Iterable[int]) -> Future[set[int]]:
        """Return the frames of the chunk that are in S3 already, from an earlier attempt."""
        return self._pool.submit(self._present, message, list(frames))

    def send(self, message: ChunkMessage, rendered: RenderedFrame) -> Future[None]:
        """Check a frame and store it, whole or not at all; its file is removed in either case."""
        return self._pool.submit(self._send, message, rendered)

    def close(self) -> None:
        """Wait for all uploads."""
        self._pool.shutdown()

    def _present(self, message: ChunkMessage, frames: list[int]) -> set[int]:
        wanted = {_key(message, frame): frame for frame in frames}
        output = message.output
        found = list_between(self._store, output.bucket, output.prefix, [min(wanted), max(wanted)])
        return {wanted[stored.key] for stored in found if stored.key in wanted and stored.size > 0}

    def _send(self, message: ChunkMessage, rendered: RenderedFrame) -> None:
        file_format = message.settings.format
        try:
            data = rendered.path.read_bytes()
            try:
                facts = check_image(data, format=file_format, frame=rendered.frame, size=rendered.size)
            except FrameInvalid as error:
                # On a full disk Blender reports a truncated frame as finished. Checked while that frame is on the disk.
                if shutil.disk_usage(rendered.path.parent).free < FULL_BELOW:
                    problem = f"{error.facts['problem']}; no space is left on the worker's disk"
                    raise FrameInvalid(frame=rendered.frame, problem=problem) from error
                raise
            if facts is not None and facts.bit_depth < rendered.depth:
                problem = f"it has {facts.bit_depth} bits a channel, not {rendered.depth}"
                raise FrameInvalid(frame=rendered.frame, problem=problem)
            flat, unfit = rendered.flat, rendered.problem
            if file_format == "OPEN_EXR" and facts is not None:
                flat, unfit = _check_exr(rendered.path, facts)
            if unfit is not None:
                raise FrameInvalid(frame=rendered.frame, problem=unfit)
            if flat is not None:
                self._flat_frames.confirm(message, rendered.frame, flat, process=rendered.process)
            self._store.put(
                message.output.bucket, _key(message, rendered.frame), data, content_type=CONTENT_TYPES[file_format]
            )
        finally:
            rendered.path.unlink(missing_ok=True)


def _check_exr(path: Path, facts: ImageFacts) -> tuple[str | None, str | None]:
    """Return the one colour of a flat OpenEXR, and the reason not to store the frame; None each otherwise."""
    # This imports numpy: 25 MB that a worker only needs for OpenEXR.
    from frameloom.services.images.exr_pixels import check_pixels  # noqa: PLC0415

    findings = check_pixels(path, facts)
    return findings.flat, findings.problem


def _key(message: ChunkMessage, frame: int) -> str:
    return keys.frame_key(message.output.prefix, frame, message.settings.format)
