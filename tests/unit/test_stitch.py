"""StitchVideo: segments in a store become a film in it, which is there whole or not at all."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from frameloom.model import keys
from frameloom.model.errors import EncodeFailed
from frameloom.model.frames import FrameRange
from frameloom.services import documents, verify
from frameloom.services.memory import MemoryStore
from frameloom.services.stitch import stitch
from frameloom.services.video import encode_segment
from tests.jobs import BUCKETS, make_job
from tests.unit.video_images import film, images, numbered, numbered_frames, read_number

FILM = (BUCKETS.scenes, keys.video_key("film/shot.blend", "mp4"))
OPTIONS = film(numbered(0).size, 24)


class Films(MemoryStore):
    """A store with the three segments of a job of 21 frames."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        make_job(self, "1-21", buckets=BUCKETS)
        documents.write_film(self, BUCKETS, "shot-1", FrameRange.parse("1-21"))
        for number in range(3):
            path = folder / f"{number}.mp4"
            encode_segment(numbered_frames(7 * number, 7), path, OPTIONS)
            self.upload(path, BUCKETS.logs, keys.segment_key("shot-1", number, "mp4"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Films:
    monkeypatch.setattr(verify, "SEGMENT_FRAMES", 7)
    return Films(tmp_path)


def test_segments_become_the_film(store: Films, tmp_path: Path) -> None:
    made = stitch("shot-1", store=store, buckets=BUCKETS)
    data = store.get(*FILM)
    assert data is not None
    assert made == {"bucket": FILM[0], "key": FILM[1], "frames": 21, "bytes": len(data)}
    assert store.content_type(*FILM) == "video/mp4"
    (tmp_path / "film.mp4").write_bytes(data)
    assert [read_number(image) for image in images(tmp_path / "film.mp4")] == list(range(21))


def test_two_at_once_end_in_the_same_film(store: Films) -> None:
    stitch("shot-1", store=store, buckets=BUCKETS)
    once, barrier = store.get(*FILM), Barrier(2)

    def run() -> dict[str, object]:
        barrier.wait()
        return stitch("shot-1", store=store, buckets=BUCKETS)

    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(run) for _ in range(2))
        assert first.result() == second.result()
    assert store.get(*FILM) == once


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        (None, r"there is no segment 000001\.mp4"),
        (b"", r"000001\.mp4: "),
        (b"no film" * 100, r"000001\.mp4: Invalid data"),
        (6, "the film holds 20 frames instead of 21"),
        (8, "the film holds 22 frames instead of 21"),
    ],
)
def test_what_is_no_whole_film_is_never_there(
    store: Films, tmp_path: Path, segment: bytes | int | None, words: str
) -> None:
    store.put(*FILM, b"the film of yesterday")
    key = keys.segment_key("shot-1", 1, "mp4")
    if segment is None:
        store.delete(BUCKETS.logs, key)
    elif isinstance(segment, bytes):
        store.put(BUCKETS.logs, key, segment)
    else:
        encode_segment(numbered_frames(7, segment), tmp_path / "x.mp4", OPTIONS)
        store.upload(tmp_path / "x.mp4", BUCKETS.logs, key)
    with pytest.raises(EncodeFailed, match=words):
        stitch("shot-1", store=store, buckets=BUCKETS)
    assert store.get(*FILM) == b"the film of yesterday"


def test_a_segment_that_is_encoded_anew_meanwhile_is_no_part_of_the_film(store: Films, tmp_path: Path) -> None:
    read, last = store.read, keys.segment_key("shot-1", 2, "mp4")
    encode_segment(numbered_frames(0, 7), tmp_path / "x.mp4", OPTIONS)

    def changed(bucket: str, key: str, *, start: int, length: int, etag: str) -> bytes:
        if key == last:
            store.upload(tmp_path / "x.mp4", BUCKETS.logs, key)
        return read(bucket, key, start=start, length=length, etag=etag)

    store.read = changed  # type: ignore[method-assign]
    with pytest.raises(EncodeFailed, match="a segment went away while the film was made"):
        stitch("shot-1", store=store, buckets=BUCKETS)
    assert store.get(*FILM) is None
