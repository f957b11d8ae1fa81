"""The handler of submit_job."""

import boto3
import pytest

from frameloom.aws.store import S3Store
from frameloom.model.errors import InvalidRequest, SceneNotFound
from tests.integration.handlers.calls import SCENE, load, metrics_of
from tests.jobs import S3_BUCKETS as BUCKETS
from tests.jobs import make_job, put_frames

# Powertools warns if a function failed before it counted anything. Lambda itself counts errors.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


@pytest.fixture
def machine(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the state machine that submit_job starts."""
    del store
    states = boto3.client("stepfunctions")
    arn: str = states.create_state_machine(
        name="render_job",
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/render-job",
    )["stateMachineArn"]
    monkeypatch.setenv("STATE_MACHINE_ARN", arn)
    return arn


def test_submit_job_starts_once_and_afterwards_describes(
    store: S3Store, machine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put(BUCKETS.scenes, SCENE, b"scene")
    submit, request = load("submit_job"), {"file": SCENE, "start": "1", "end": "17"}
    first = submit(request)
    assert (first["started"], first["status"]) == (True, "running")
    put_frames(store, make_job(store, "1-17", buckets=BUCKETS, job_id=first["job_id"]), [1, 2])
    assert metrics_of(capsys) == {"JobsSubmitted": 1}
    second = submit(request)
    assert second["job_id"] == first["job_id"]
    assert (second["started"], second["status"]) == (False, "running")
    assert second["frames"] == {"done": 2, "total": 17}
    assert metrics_of(capsys) == {"JobsSubmitted": 0}
    started = boto3.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert [execution["name"] for execution in started] == [first["job_id"]]


@pytest.mark.usefixtures("machine")
def test_submit_job_refuses_a_missing_scene(store: S3Store) -> None:
    store.put(BUCKETS.scenes, SCENE, b"scene")
    with pytest.raises(SceneNotFound):
        load("submit_job")({"file": "film/sho.blend"})
    with pytest.raises(InvalidRequest, match=r"^file: "):
        load("submit_job")({"file": "../shot.blend"})
