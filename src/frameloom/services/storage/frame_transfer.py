"""Downloads frames from the farm to a folder, and uploads existing frames. Each file is complete or missing."""

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from frameloom.model.errors import FrameInvalid
from frameloom.model.frame_files import FrameFiles, format_of
from frameloom.model.frames import FrameRange
from frameloom.model.settings import CONTENT_TYPES
from frameloom.services.images.integrity import check_image
from frameloom.services.storage.atomic_write import whole_file
from frameloom.services.storage.ports import Store

# Transfers at once: enough to saturate a connection to S3 with small files. Each has one compressed frame in memory.
STREAMS = 8


class FrameFetcher:
    """Downloads frames from the farm to a folder, several at once, in threads of its own.

    A context manager: at its end it waits for the downloads, and raises their first error. After an error in the block
    it cancels the downloads that have not begun. `brought` has the frames that have arrived.
    """

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket
        self._pool = ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="fetch")
        self._futures: list[Future[None]] = []
        self.brought: set[int] = set()

    def fetch(self, frames: Iterable[int], prefix: str, folder: Path, files: FrameFiles) -> None:
        """Start the download of `frames` from below `prefix`; raise the first error of earlier downloads."""
        done = [future for future in self._futures if future.done()]
        self._futures = [future for future in self._futures if not future.done()]
        for frame in frames:
            self._futures.append(self._pool.submit(self._bring, frame, prefix, folder, files))
        self._raise_errors(done)

    def _bring(self, frame: int, prefix: str, folder: Path, files: FrameFiles) -> None:
        for name in files.names(frame):
            data = self._store.get(self._bucket, prefix + name)
            if data is None:
                raise LookupError(f"bucket {self._bucket!r} no longer has frame {prefix + name!r}")
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(folder / name) as partial:
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


def whole_frames(frames: FrameRange, folder: Path, *, files: FrameFiles) -> list[int]:
    """Return the frames of the range that are complete in `folder`, in order."""

    def is_whole(frame: int) -> bool:
        try:
            for name in files.names(frame):
                check_image((folder / name).read_bytes(), format=format_of(name), frame=frame, size=None)
        except (OSError, FrameInvalid):
            return False
        return True

    # One listing is faster than an attempt to open each missing frame.
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    candidates = files.complete("", frames, there)
    with ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="check") as pool:
        return [frame for frame, whole in zip(candidates, pool.map(is_whole, candidates), strict=True) if whole]


def offer_frames(
    frames: Iterable[int], folder: Path, *, store: Store, bucket: str, prefix: str, files: FrameFiles
) -> int:
    """Upload the `frames` in `folder` that are missing below `prefix`; return their number."""
    there = {stored.key for stored in store.list(bucket, prefix) if stored.size > 0}
    frames = list(frames)
    present = frozenset(files.complete(prefix, frames, there))
    wanted = [frame for frame in frames if frame not in present]

    def put(frame: int) -> None:
        for name in files.names(frame):
            data = (folder / name).read_bytes()
            store.put(bucket, prefix + name, data, content_type=CONTENT_TYPES[format_of(name)])

    with ThreadPoolExecutor(max_workers=STREAMS, thread_name_prefix="offer") as pool:
        list(pool.map(put, wanted))
    return len(wanted)
