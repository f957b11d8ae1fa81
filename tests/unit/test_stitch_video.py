"""StitchVideo: joins segments to a film, which is stored whole or not at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest

from frameloom.model import keys
from frameloom.model.errors import EncodeFailed
from frameloom.model.frames import FrameRange
from frameloom.model.job import OutputRef
from frameloom.model.settings import VideoSettings
from frameloom.services import verify_frames
from frameloom.services.stitch_video import stitch
from frameloom.services.storage import job_documents
from frameloom.services.video import encode_segment
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job
from tests.unit.video_images import film, images, numbered, numbered_frames, read_number

FILM = (BUCKETS.scenes, keys.video_key("film/shot.blend", "mp4"))
OPTIONS = film(numbered(0).size, 24)


class Films(MemoryStore):
    """Make a store with the three segments of a job of 21 frames."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        make_job(self, "1-21", buckets=BUCKETS)
        job_documents.write_film(self, BUCKETS, "shot-1", FrameRange.parse("1-21"))
        for number in range(3):
            path = folder / f"{number}.mp4"
            encode_segment(numbered_frames(7 * number, 7), path, OPTIONS)
            self.upload(path, BUCKETS.logs, keys.segment_key("shot-1", number, "mp4"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Films:
    monkeypatch.setattr(verify_frames, "SEGMENT_FRAMES", 7)
    return Films(tmp_path)


def test_segments_are_joined_to_the_film(store: Films, tmp_path: Path) -> None:
    made = stitch("shot-1", store=store, buckets=BUCKETS)
    data = store.get(*FILM)
    assert data is not None
    assert made == {"bucket": FILM[0], "key": FILM[1], "frames": 21, "bytes": len(data)}
    assert store.content_type(*FILM) == "video/mp4"
    (tmp_path / "film.mp4").write_bytes(data)
    assert [read_number(image) for image in images(tmp_path / "film.mp4")] == list(range(21))


def another(store: Films, name: str, **fields: Any) -> str:
    """Make the film of another job of the same scene from the same segments, and return its key."""
    make_job(store, job_id=name, buckets=BUCKETS, **{"frames": "1-21", **fields})
    job_documents.write_film(store, BUCKETS, name, FrameRange.parse("1-21"))
    for number in range(3):
        data = store.get(BUCKETS.logs, keys.segment_key("shot-1", number, "mp4"))
        assert data is not None
        store.put(BUCKETS.logs, keys.segment_key(name, number, "mp4"), data)
    return str(stitch(name, store=store, buckets=BUCKETS)["key"])


def other_render(render: str) -> dict[str, Any]:
    return {"outputs": OutputRef(bucket=BUCKETS.frames, prefix=keys.frames_prefix("film/shot.blend", render))}


def test_another_film_gets_the_next_version_and_the_same_film_keeps_its_key(store: Films) -> None:
    first = stitch("shot-1", store=store, buckets=BUCKETS)["key"]
    once = store.get(*FILM)
    assert [
        another(store, "smaller", video=VideoSettings(quality=40)),
        another(store, "small", video=VideoSettings(quality=30)),
        another(store, "again", video=VideoSettings(quality=40)),
        another(store, "first-again"),
        another(store, "larger", **other_render("0123456789abcdef")),
    ] == ["film/shot_v002.mp4", "film/shot_v003.mp4", "film/shot_v002.mp4", first, "film/shot_v004.mp4"]
    assert store.get(*FILM) == once
    assert job_documents.stitched(store, BUCKETS, "again") == {
        **stitch("smaller", store=store, buckets=BUCKETS), "key": "film/shot_v002.mp4"
    }  # fmt: skip


def test_a_film_of_other_frames_is_another_film(store: Films) -> None:
    stitch("shot-1", store=store, buckets=BUCKETS)
    job_documents.write_film(store, BUCKETS, "shot-1", FrameRange.parse("1-20,22"))
    assert stitch("shot-1", store=store, buckets=BUCKETS)["key"] == "film/shot_v002.mp4"


def test_files_that_the_farm_did_not_make_and_names_of_other_scenes_are_never_taken(store: Films) -> None:
    store.put(*FILM, b"somebody's film")
    store.put(BUCKETS.scenes, "film/shot_v002.blend", b"the next version of the scene")
    store.put(BUCKETS.scenes, "film/shot_v007/shot_v009.mp4", b"elsewhere")
    assert stitch("shot-1", store=store, buckets=BUCKETS)["key"] == "film/shot_v003.mp4"
    assert store.get(*FILM) == b"somebody's film"


def test_a_film_may_have_its_own_name(store: Films) -> None:
    assert another(store, "named", film="night") == "film/night.mp4"


def test_the_newest_film_has_the_highest_version_even_after_a_deletion(store: Films) -> None:
    stitch("shot-1", store=store, buckets=BUCKETS)
    another(store, "smaller", video=VideoSettings(quality=40))
    store.delete(*FILM)
    assert another(store, "large", video=VideoSettings(quality=20)) == "film/shot_v003.mp4"


def test_two_films_at_the_same_time_never_take_the_same_key(store: Films) -> None:
    make_job(store, "1-21", job_id="smaller", video=VideoSettings(quality=40), buckets=BUCKETS)
    barrier, stream = Barrier(2), store.in_parts

    @contextmanager
    def together(*args: Any, **options: Any) -> Iterator[Any]:
        # Both runs have chosen their keys.
        with suppress(BrokenBarrierError):
            barrier.wait(5)
        with stream(*args, **options) as parts:
            yield parts

    store.in_parts = together  # type: ignore[method-assign]
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(lambda: str(stitch("shot-1", store=store, buckets=BUCKETS)["key"]))
        made = {another(store, "smaller", video=VideoSettings(quality=40)), one.result()}
        barrier.abort()
    assert made == {"film/shot.mp4", "film/shot_v002.mp4"}


def test_two_runs_at_the_same_time_result_in_one_film(store: Films) -> None:
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
        (None, r"segment 000001\.mp4 is missing"),
        (b"", r"000001\.mp4: "),
        (b"no film" * 100, r"000001\.mp4: Invalid data"),
        (6, "the film has 20 frames instead of 21"),
        (8, "the film has 22 frames instead of 21"),
    ],
)
def test_an_incomplete_film_is_never_stored(
    store: Films, tmp_path: Path, segment: bytes | int | None, words: str
) -> None:
    stitch("shot-1", store=store, buckets=BUCKETS)
    before = store.get(*FILM)
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
    assert store.get(*FILM) == before


def test_a_segment_that_is_encoded_again_meanwhile_fails_the_film(store: Films, tmp_path: Path) -> None:
    read, last = store.read, keys.segment_key("shot-1", 2, "mp4")
    encode_segment(numbered_frames(0, 7), tmp_path / "x.mp4", OPTIONS)

    def changed(bucket: str, key: str, *, start: int, length: int, etag: str) -> bytes:
        if key == last:
            store.upload(tmp_path / "x.mp4", BUCKETS.logs, key)
        return read(bucket, key, start=start, length=length, etag=etag)

    store.read = changed  # type: ignore[method-assign]
    with pytest.raises(EncodeFailed, match="a segment was deleted while it was read"):
        stitch("shot-1", store=store, buckets=BUCKETS)
    assert store.get(*FILM) is None
