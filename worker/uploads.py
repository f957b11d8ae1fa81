"""Checks and uploads frames while the next frame renders."""

import shutil
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from frameloom.model.errors import FrameInvalid
from frameloom.model.frame_files import format_of
from frameloom.model.messages import ChunkMessage
from frameloom.model.settings import CONTENT_TYPES
from frameloom.services.images.integrity import ImageFacts, check_image
from frameloom.services.storage.parallel_listing import list_between
from frameloom.services.storage.ports import Store
from worker.flat_frames import FlatFrames
from worker.rendered_frame import RenderedFile, RenderedFrame

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
        """Check a frame and store its files, each whole or not at all; they are removed in either case.

        Nothing is stored unless all files pass.
        """
        return self._pool.submit(self._send, message, rendered)

    def close(self) -> None:
        """Wait for all uploads."""
        self._pool.shutdown()

    def _present(self, message: ChunkMessage, frames: list[int]) -> set[int]:
        output, files = message.output, message.files
        wanted = [key for frame in frames for key in files.keys(output.prefix, frame)]
        found = list_between(self._store, output.bucket, output.prefix, [min(wanted), max(wanted)])
        return set(files.complete(output.prefix, frames, {stored.key for stored in found if stored.size > 0}))

    def _send(self, message: ChunkMessage, rendered: RenderedFrame) -> None:
        output, paths = message.output, [file.path for file in rendered.files]
        try:
            checked = [_check(file, rendered) for file in rendered.files]
            if flat := {path.name: one.flat for path, one in zip(paths, checked, strict=True) if one.flat is not None}:
                self._flat_frames.confirm(message, rendered.frame, flat, process=rendered.process)
            for path, one in zip(paths, checked, strict=True):
                kind = CONTENT_TYPES[format_of(path.name)]
                self._store.put(output.bucket, output.prefix + path.name, one.data, content_type=kind)
        finally:
            for path in paths:
                path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A file that may be stored, and the one colour of its pixels, None if they differ."""

    data: bytes
    flat: str | None


def _check(file: RenderedFile, frame: RenderedFrame) -> _Checked:
    """Return a file of a frame; raise FrameInvalid if it must not be stored."""
    data, file_format = file.path.read_bytes(), format_of(file.path.name)
    try:
        facts = check_image(data, format=file_format, frame=frame.frame, size=frame.size)
    except FrameInvalid as error:
        # On a full disk Blender reports a truncated frame as finished. Checked while that frame is on the disk.
        if shutil.disk_usage(file.path.parent).free < FULL_BELOW:
            problem = f"{error.facts['problem']}; no space is left on the worker's disk"
            raise FrameInvalid(frame=frame.frame, problem=problem) from error
        raise
    if facts.bit_depth < frame.depth:
        raise FrameInvalid(frame=frame.frame, problem=f"it has {facts.bit_depth} bits a channel, not {frame.depth}")
    flat, unfit = _check_exr(file.path, facts) if file_format == "OPEN_EXR" else (file.flat, file.problem)
    if unfit is not None:
        raise FrameInvalid(frame=frame.frame, problem=unfit)
    return _Checked(data, flat)


def _check_exr(path: Path, facts: ImageFacts) -> tuple[str | None, str | None]:
    """Return the one colour of a flat OpenEXR, and the reason not to store the frame; None each otherwise."""
    # This imports numpy: 25 MB that a worker only needs for OpenEXR.
    from frameloom.services.images.exr_pixels import check_pixels  # noqa: PLC0415

    findings = check_pixels(path, facts)
    return findings.flat, findings.problem
