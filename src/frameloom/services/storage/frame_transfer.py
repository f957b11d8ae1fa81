"""Frames between a folder and the farm: each file is there whole or not at all."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from frameloom.model import keys
from frameloom.model.errors import FrameInvalid
from frameloom.model.frames import FrameRange
from frameloom.model.settings import CONTENT_TYPES, FrameFormat
from frameloom.services.images.integrity import check_image
from frameloom.services.storage.atomic_write import whole_file
from frameloom.services.storage.ports import Store

# Enough to fill a line to S3 with small files; each holds one compressed frame in memory.
STREAMS = 8


class FrameFetcher:
    """Brings frames from the farm into a folder, several at once, while the caller does something else.

    A context manager: leaving it waits for what was asked for, and raises the first error that came up; on
    an error of the caller's it gives up what has not begun. `brought` holds the frames that have arrived.
    """

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket
        self._pool = ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="fetch")
        self._futures: list[Future[None]] = []
        self.brought: set[int] = set()

    def fetch(self, frames: Iterable[int], prefix: str, folder: Path, file_format: FrameFormat) -> None:
        """Ask for `frames` from below `prefix`, and raise the first error of those asked for before."""
        done = [future for future in self._futures if future.done()]
        self._futures = [future for future in self._futures if not future.done()]
        for frame in frames:
            key = keys.frame_key(prefix, frame, file_format)
            path = folder / keys.frame_name(frame, file_format)
            self._futures.append(self._pool.submit(self._bring, frame, key, path))
        self._raise_errors(done)

    def _bring(self, frame: int, key: str, path: Path) -> None:
        data = self._store.get(self._bucket, key)
        if data is None:
            raise LookupError(f"frame {key!r} went away from bucket {self._bucket!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            partial.write_bytes(data)
        self.brought.add(frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            self._raise_errors(self._futures)

    @staticmethod
    def _raise_errors(futures: Iterable[Future[None]]) -> None:
        for future in futures:
            future.result()


def whole_frames(frames: FrameRange, folder: Path, *, file_format: FrameFormat) -> list[int]:
    """Return those of `frames` that lie whole in `folder`, in order."""

    def is_whole(frame: int) -> bool:
        try:
            data = (folder / keys.frame_name(frame, file_format)).read_bytes()
            check_image(data, format=file_format, frame=frame, size=None)
        except (OSError, FrameInvalid):
            return False
        return True

    # One listing instead of a failed open for each frame that was never rendered.
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    candidates = [frame for frame in frames if keys.frame_name(frame, file_format) in there]
    with ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="check") as pool:
        return [frame for frame, whole in zip(candidates, pool.map(is_whole, candidates), strict=True) if whole]


def offer_frames(
    frames: Iterable[int], folder: Path, *, store: Store, bucket: str, prefix: str, file_format: FrameFormat
) -> int:
    """Put `frames` from `folder` below `prefix` where they are not there yet; return how many were put."""
    there = {stored.key for stored in store.list(bucket, prefix) if stored.size > 0}
    wanted = [frame for frame in frames if keys.frame_key(prefix, frame, file_format) not in there]

    def put(frame: int) -> None:
        data = (folder / keys.frame_name(frame, file_format)).read_bytes()
        store.put(bucket, keys.frame_key(prefix, frame, file_format), data, content_type=CONTENT_TYPES[file_format])

    with ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="offer") as pool:
        list(pool.map(put, wanted))
    return len(wanted)
