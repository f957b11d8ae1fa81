"""Downloads and uploads of frames, complete or not at all."""

import io
import threading
from pathlib import Path

import pytest
from PIL import Image

from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import FrameRange
from frameloom.services.storage.frame_transfer import FrameFetcher, offer_frames, whole_frames
from frameloom.testing import MemoryStore

BUCKET, PREFIX = "frames", "shot/0123456789abcdef/"
PNG = FrameFiles.of("PNG")


def png(colour: int = 0) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 4), (colour, 0, 0)).save(data, "PNG")
    return data.getvalue()


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, hidden ones too."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    for frame in range(1, 6):
        store.put(BUCKET, f"{PREFIX}{frame:06d}.png", png(frame))
    return store


def test_frames_are_stored_under_their_own_names(tmp_path: Path, store: MemoryStore) -> None:
    with FrameFetcher(store, BUCKET) as fetcher:
        fetcher.fetch([1, 3], PREFIX, tmp_path / "shot", PNG)
        fetcher.fetch([5], PREFIX, tmp_path / "shot", PNG)
    assert files(tmp_path) == {"shot/000001.png": png(1), "shot/000003.png": png(3), "shot/000005.png": png(5)}
    assert fetcher.brought == {1, 3, 5}


def test_a_deleted_frame_is_an_error_and_leaves_no_file(tmp_path: Path, store: MemoryStore) -> None:
    with pytest.raises(LookupError, match=r"000006\.png"), FrameFetcher(store, BUCKET) as fetcher:
        fetcher.fetch([1, 6], PREFIX, tmp_path, PNG)
    assert files(tmp_path) == {"000001.png": png(1)}
    assert fetcher.brought == {1}


def test_an_unwritable_folder_is_an_error_before_the_next_download(tmp_path: Path, store: MemoryStore) -> None:
    (tmp_path / "shot").write_bytes(b"a file, where the folder should be")
    fetcher = FrameFetcher(store, BUCKET)
    fetcher.fetch([1], PREFIX, tmp_path / "shot", PNG)
    fetcher._futures[0].exception()
    with pytest.raises(OSError, match="shot"):
        fetcher.fetch([], PREFIX, tmp_path / "shot", PNG)
    with fetcher:
        pass


class SlowStore(MemoryStore):
    """A store that returns objects once `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def get(self, bucket: str, key: str) -> bytes | None:
        self.go.wait(10)
        return super().get(bucket, key)


def test_an_interrupt_cancels_waiting_downloads_and_leaves_no_partial_file(tmp_path: Path) -> None:
    store = SlowStore()
    for frame in range(1, 101):
        store.put(BUCKET, f"{PREFIX}{frame:06d}.png", png())
    fetcher = FrameFetcher(store, BUCKET)

    def fetch_until_interrupted() -> None:
        with fetcher:
            fetcher.fetch(range(1, 101), PREFIX, tmp_path, PNG)
            threading.Timer(0.05, store.go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_until_interrupted()
    assert 0 < len(fetcher.brought) < 20
    assert files(tmp_path) == {f"{frame:06d}.png": png() for frame in fetcher.brought}


def test_only_complete_frames_of_an_earlier_run_count(tmp_path: Path) -> None:
    for frame in (1, 2, 3, 9):
        (tmp_path / f"{frame:06d}.png").write_bytes(png(frame))
    (tmp_path / "000002.png").write_bytes(png(2)[:-20])
    (tmp_path / "000004.png").write_bytes(b"")
    (tmp_path / "000005.png").mkdir()
    (tmp_path / ".000006.png.1.part").write_bytes(png(6))
    assert whole_frames(FrameRange.parse("1-7"), tmp_path, files=PNG) == [1, 3]


def test_a_missing_folder_has_no_earlier_frames(tmp_path: Path) -> None:
    assert whole_frames(FrameRange.parse("1-7"), tmp_path / "none", files=PNG) == []


def test_only_missing_frames_are_uploaded(tmp_path: Path, store: MemoryStore) -> None:
    for frame in (1, 6, 7):
        (tmp_path / f"{frame:06d}.png").write_bytes(png(100))
    put = offer_frames([1, 6, 7], tmp_path, store=store, bucket=BUCKET, prefix=PREFIX, files=PNG)
    assert put == 2
    assert store.get(BUCKET, f"{PREFIX}000001.png") == png(1)
    assert store.get(BUCKET, f"{PREFIX}000007.png") == png(100)


def test_an_empty_object_is_not_a_frame_and_is_replaced(tmp_path: Path, store: MemoryStore) -> None:
    store.put(BUCKET, f"{PREFIX}000001.png", b"")
    (tmp_path / "000001.png").write_bytes(png(100))
    assert offer_frames([1], tmp_path, store=store, bucket=BUCKET, prefix=PREFIX, files=PNG) == 1
    assert store.get(BUCKET, f"{PREFIX}000001.png") == png(100)


VIEWS = FrameFiles(("_L.png", "_R.png"))


def test_a_frame_of_several_files_is_whole_with_all_of_them(tmp_path: Path, store: MemoryStore) -> None:
    for name in ("000001_L.png", "000001_R.png", "000002_L.png"):
        (tmp_path / name).write_bytes(png())
    assert whole_frames(FrameRange.parse("1-3"), tmp_path, files=VIEWS) == [1]
    assert offer_frames([1], tmp_path, store=store, bucket=BUCKET, prefix="stereo/", files=VIEWS) == 1
    assert offer_frames([1], tmp_path, store=store, bucket=BUCKET, prefix="stereo/", files=VIEWS) == 0
    with FrameFetcher(store, BUCKET) as fetcher:
        fetcher.fetch([1], "stereo/", tmp_path / "again", VIEWS)
    assert sorted(files(tmp_path / "again")) == ["000001_L.png", "000001_R.png"]
    store.put(BUCKET, "stereo/000002_L.png", png())
    with pytest.raises(LookupError), FrameFetcher(store, BUCKET) as fetcher:
        fetcher.fetch([2], "stereo/", tmp_path / "part", VIEWS)
    assert fetcher.brought == set()
