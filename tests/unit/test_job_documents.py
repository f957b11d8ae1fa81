"""The documents of a job, and its frames that exist."""

import pytest

from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job, put_frames, put_result


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_a_document_comes_back_as_it_was_written(store: MemoryStore) -> None:
    written = {"name": "Überflug 片", "frames": [1, 2.5, None, True]}
    job_documents.write(store, "logs", "jobs/j/x.json", written)
    assert job_documents.read(store, "logs", "jobs/j/x.json") == written
    assert store.content_type("logs", "jobs/j/x.json") == "application/json"
    assert job_documents.read(store, "logs", "jobs/j/y.json") is None


def test_a_manifest_comes_back_as_it_was_written(store: MemoryStore) -> None:
    job = make_job(store)
    assert job_documents.find_job(store, BUCKETS, job.job_id) == job
    assert job_documents.load_job(store, BUCKETS, job.job_id) == job


def test_a_missing_manifest_is_none_or_an_error_with_its_bucket(store: MemoryStore) -> None:
    assert job_documents.find_job(store, BUCKETS, "other") is None
    with pytest.raises(LookupError, match=r"'other'.*'logs'"):
        job_documents.load_job(store, BUCKETS, "other")


def test_a_job_with_a_long_frame_list_is_read_back(store: MemoryStore) -> None:
    job = make_job(store, frames=",".join(f"{first}-{first + 1}" for first in range(1, 30_000, 3)))
    assert len(job.frames) > 100_000
    assert len(job_documents.load_job(store, BUCKETS, job.job_id).frame_range()) == 20_000


def test_existing_frames_are_listed_in_order(store: MemoryStore) -> None:
    job = make_job(store, "-2-12")
    put_frames(store, job, [12, 3, -2, 10, 0])
    assert job_documents.present_frames(store, job) == [-2, 0, 3, 10, 12]


def test_an_empty_object_is_not_a_frame(store: MemoryStore) -> None:
    job = make_job(store, "1-3")
    put_frames(store, job, [1, 2])
    put_frames(store, job, [2], data=b"")
    assert job_documents.present_frames(store, job) == [1]


def test_only_the_jobs_own_frames_count(store: MemoryStore) -> None:
    job = make_job(store, "1-9")
    put_frames(store, job, [0, 10])  # of another range of the same scene
    prefix = job.outputs.prefix
    for key in (
        f"{prefix}000003.jpg",  # not this job's format
        f"{prefix}4.png",  # not a frame's name
        f"{prefix}000005.png.part",
        f"{prefix}shot/0123456789abcdef/000006.png",  # a scene below this scene's frames
        f"{prefix.rstrip('/')}2/000007.png",  # a folder with the same prefix
    ):
        store.put(job.outputs.bucket, key, b"image")
    store.put(BUCKETS.scenes, job.frame_key(8), b"image")  # another bucket
    assert job_documents.present_frames(store, job) == []


def test_all_results_of_all_attempts_are_read(store: MemoryStore) -> None:
    job = make_job(store)
    written = [
        put_result(store, job, "1-000000", "1-3", error="OutOfMemory", cause="full"),
        put_result(store, job, "1-000000", "1-3", attempt=1, rendered=3),
        put_result(store, job, "1-000000", "1-3", attempt=1, worker="worker-2", rendered=1, reused=2),
    ]
    assert list(job_documents.chunk_results(store, BUCKETS, job.job_id)) == written
    assert list(job_documents.chunk_results(store, BUCKETS, "shot-11")) == []


def test_any_number_of_results_comes_in_order(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_documents, "READ_AHEAD", 7)
    job = make_job(store)
    written = [put_result(store, job, f"1-{index:06d}", str(index)) for index in range(100)]
    assert list(job_documents.chunk_results(store, BUCKETS, job.job_id)) == written
