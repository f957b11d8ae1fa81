"""The farm of the Python API, on a farm in memory."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from frameloom.client import Farm, QueueDepth, RequestFields
from frameloom.model.errors import FarmUnavailable, InvalidRequest, NoCamera
from frameloom.model.job_status import JobStatus
from frameloom.model.request import JobRequest
from tests.jobs import BUCKETS, make_job
from tests.scenes import make_scene
from tests.unit.memory_farm import MemoryFarm, make_png


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryFarm:
    """A farm in memory, in a folder that holds shot.blend, of frames 1 to 5."""
    make_scene(tmp_path / "shot.blend")
    monkeypatch.chdir(tmp_path)
    return MemoryFarm(image=make_png())


@pytest.fixture
def farm(memory: MemoryFarm) -> Farm:
    return Farm(memory)


def test_the_keywords_of_render_are_the_fields_of_a_request() -> None:
    assert set(RequestFields.__annotations__) == set(JobRequest.model_fields)


def test_a_render_starts_a_job_with_the_fields_of_its_keywords(farm: Farm, memory: MemoryFarm) -> None:
    job = farm.render("shot.blend", frames="1-4", samples=3, fps=12, video={"codec": "prores"}, trust_scripts=False)
    job.wait()
    manifest = memory.job()
    assert (manifest.job_id, manifest.frames) == (job.id, "1-4")
    assert (manifest.settings.samples, manifest.settings.trust_scripts) == (3, False)
    assert (manifest.fps, manifest.video.codec) == ("12", "prores")


def test_a_sequence_renders_nothing(farm: Farm, memory: MemoryFarm) -> None:
    farm.sequence("shot.blend", on_missing="stitch")
    (execution,) = memory.executions.list(limit=10)
    started = memory.executions.describe(execution.job_id)
    assert started is not None
    assert started.input["output"] == "video"


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda farm: farm.render("lost.blend"), "path: there is no file 'lost.blend'"),
        (lambda farm: farm.render("shot.blend", frames="5-1"), "frames: '5-1' counts down"),
        (lambda farm: farm.render("shot.blend", colour="red"), "colour: is not a field"),
        (lambda farm: farm.render("shot.blend", out="shot.blend"), "out: .*shot.blend' is not a folder"),
        (lambda farm: farm.jobs(limit=-1), "limit: takes 0 or more, not -1"),
        (lambda farm: farm.job("shot-1"), "job: the farm knows of no job 'shot-1'"),
    ],
)
def test_an_error_names_the_argument(
    farm: Farm, memory: MemoryFarm, start: Callable[[Farm], object], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        start(farm)
    assert memory.executions.list(limit=10) == []


def test_a_refused_scene_starts_no_farm(farm: Farm, memory: MemoryFarm) -> None:
    make_scene(Path("blind.blend").absolute(), camera=False)
    with pytest.raises(NoCamera):
        farm.render("blind.blend")
    assert memory.opened == 0


def test_jobs_are_listed_and_found_by_the_first_characters_of_their_ids(farm: Farm, memory: MemoryFarm) -> None:
    make_job(memory.store, "1-3", job_id="shot-1")
    for job_id in ("shot-1", "shot-2"):
        memory.executions.start(job_id, {})
        memory.executions.end(job_id, JobStatus.FAILED, error="NoCamera", cause="No camera.")
    newest, first = farm.jobs()
    assert (newest.job_id, newest.status) == ("shot-2", JobStatus.FAILED)
    assert farm.job("shot-2").status().error == "NoCamera"
    assert (first.job_id, first.done, first.total, first.scene) == ("shot-1", 0, 3, "film/shot.blend")
    assert [info.job_id for info in farm.jobs(limit=1)] == ["shot-2"]
    assert farm.job("shot-1").id == "shot-1"
    with pytest.raises(InvalidRequest, match="fits shot-2, shot-1"):
        farm.job("shot")
    assert farm.find_job("film") is None


def test_the_queue_is_counted(memory: MemoryFarm) -> None:
    memory.depth = QueueDepth(waiting=3, in_flight=2, dead_letters=1)
    assert Farm(memory).queue() == QueueDepth(waiting=3, in_flight=2, dead_letters=1)


def test_the_block_closes_the_farm_and_a_closed_farm_takes_no_job(farm: Farm, memory: MemoryFarm) -> None:
    with farm:
        pass
    assert memory.closed == 1
    with pytest.raises(FarmUnavailable, match="This farm was closed"):
        farm.render("shot.blend")
    with pytest.raises(FarmUnavailable, match="This farm was closed"):
        farm.jobs()


def test_an_error_of_aws_is_an_error_of_the_farm(
    farm: Farm, memory: MemoryFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "ListExecutions")

    monkeypatch.setattr(memory.executions, "list", deny)
    with pytest.raises(FarmUnavailable, match="AccessDenied") as failed:
        farm.jobs()
    assert isinstance(failed.value.__cause__, ClientError)


def test_the_log_of_a_forgotten_job_is_read(farm: Farm, memory: MemoryFarm) -> None:
    record = b'{"time": "2026-11-23T06:00:00+00:00", "level": "info", "message": "m", "worker": "w"}\n'
    memory.store.put(BUCKETS.logs, "jobs/shot-1/logs/w/1.jsonl", record)
    assert [each.message for each in farm.logs("shot-1")] == ["m"]
    with pytest.raises(InvalidRequest, match="no job 'shot-2'"):
        list(farm.logs("shot-2"))


def test_importing_the_api_imports_no_client_of_aws_and_no_reader_of_scenes() -> None:
    program = "import sys; from frameloom.client import *; import frameloom.client as c; c.Farm; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    modules = set(ran.stdout.split())
    assert "frameloom.client.render_farm" in modules
    assert {module.partition(".")[0] for module in modules} & {
        "boto3",
        "botocore",
        "moto",
        "rich",
        "typer",
        "bpy",
    } == set()


def test_an_unknown_name_is_an_attribute_error() -> None:
    import frameloom.client  # noqa: PLC0415

    with pytest.raises(AttributeError, match="no attribute 'Barn'"):
        frameloom.client.Barn  # noqa: B018
