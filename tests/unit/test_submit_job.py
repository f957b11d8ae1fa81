"""submit_job: a request starts a job, and a repeated request describes it."""

from typing import Any

import pytest

from frameloom.model.errors import InvalidRequest, SceneNotFound
from frameloom.model.job_status import JobStatus
from frameloom.model.request import parse_request
from frameloom.services.storage.ports import Execution
from frameloom.services.submit_job import describe, submit
from frameloom.testing import MemoryExecutions, MemoryStore
from tests.jobs import BUCKETS, STARTED, make_job, put_frames

REQUEST = {"file": "film/shot.blend", "start": "1", "end": "17"}


class Farm:
    """A store with one scene, and its jobs."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.executions = MemoryExecutions()
        self.store.put(BUCKETS.scenes, "film/shot.blend", b"scene")

    def submit(self, event: object = REQUEST) -> dict[str, Any]:
        return submit(event, store=self.store, executions=self.executions, buckets=BUCKETS)


@pytest.fixture
def farm() -> Farm:
    return Farm()


def test_a_request_starts_its_job(farm: Farm) -> None:
    answer = farm.submit()
    assert answer == {"job_id": answer["job_id"], "started": True, "status": "running"}
    execution = farm.executions.describe(answer["job_id"])
    assert execution is not None
    assert parse_request(execution.input) == parse_request(REQUEST)


def test_a_repeated_request_describes_the_job_that_it_started(farm: Farm) -> None:
    first = farm.submit()
    again = farm.submit({"end": 17, "start": 1, "file": "film/shot.blend"})
    assert again == first | {"started": False}
    assert len(farm.executions.list(limit=10)) == 1


def test_a_repeated_request_describes_an_ended_job(farm: Farm) -> None:
    job_id = farm.submit()["job_id"]
    farm.executions.end(job_id, JobStatus.FAILED, error="NoCamera", cause="Scene 'Scene' has no camera")
    answer = farm.submit()
    assert answer == {
        "job_id": job_id,
        "started": False,
        "status": "failed",
        "error": "NoCamera",
        "cause": "Scene 'Scene' has no camera",
    }


@pytest.mark.parametrize("change", [{"end": "18"}, {"run": 2}, {"samples": 5}, {"file": "film/other.blend"}])
def test_another_request_starts_another_job(farm: Farm, change: dict[str, Any]) -> None:
    farm.store.put(BUCKETS.scenes, "film/other.blend", b"scene")
    first, second = farm.submit(), farm.submit(REQUEST | change)
    assert second["started"]
    assert second["job_id"] != first["job_id"]


def test_an_edited_scene_starts_another_job(farm: Farm) -> None:
    first = farm.submit()
    farm.store.put(BUCKETS.scenes, "film/shot.blend", b"edited")
    second = farm.submit()
    assert second["started"]
    assert second["job_id"] != first["job_id"]


@pytest.mark.parametrize("file", ["film/sho.blend", "film/shot.blend.blend", "shot.blend"])
def test_a_missing_scene_starts_no_job(farm: Farm, file: str) -> None:
    with pytest.raises(SceneNotFound) as caught:
        farm.submit({"file": file})
    assert caught.value.facts == {"bucket": "scenes", "key": file}
    assert farm.executions.list(limit=10) == []


def test_an_invalid_request_starts_no_job(farm: Farm) -> None:
    with pytest.raises(InvalidRequest):
        farm.submit(REQUEST | {"end": "0"})
    assert farm.executions.list(limit=10) == []


def execution(status: JobStatus = JobStatus.RUNNING, **fields: Any) -> Execution:
    return Execution(job_id="shot-1", status=status, started=STARTED, **fields)


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_job_is_described_with_the_farms_statuses(farm: Farm, status: JobStatus) -> None:
    assert describe(execution(status), store=farm.store, buckets=BUCKETS) == {
        "job_id": "shot-1",
        "status": status.value,
    }


def test_a_running_job_is_described_by_its_frames_in_s3(farm: Farm) -> None:
    put_frames(farm.store, make_job(farm.store, "1-17"), [1, 2, 17, 18])
    facts = describe(execution(), store=farm.store, buckets=BUCKETS)
    assert facts["scene"] == "film/shot.blend"
    assert facts["frames"] == {"done": 3, "total": 17}


def test_a_successful_job_is_described_with_its_video_and_report(farm: Farm) -> None:
    output = {"job_id": "shot-1", "status": "succeeded", "video": {"bucket": "scenes", "key": "film/shot.mp4"}}
    facts = describe(execution(JobStatus.SUCCEEDED, output=output), store=farm.store, buckets=BUCKETS)
    assert facts == {"job_id": "shot-1", "status": "succeeded", "video": output["video"]}


@pytest.mark.parametrize("output", [None, [], "text", 5])
def test_an_output_that_is_not_an_object_is_ignored(farm: Farm, output: object) -> None:
    facts = describe(execution(JobStatus.SUCCEEDED, output=output), store=farm.store, buckets=BUCKETS)
    assert facts == {"job_id": "shot-1", "status": "succeeded"}
