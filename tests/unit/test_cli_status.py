"""`frameloom status`, on a farm in memory."""

import json

import pytest

from frameloom.client import QueueDepth
from frameloom.model.job import SceneRef
from frameloom.model.job_status import JobStatus
from frameloom.model.request import START, START_NO
from frameloom.testing import MemoryExecutions
from tests.jobs import BUCKETS, make_job, put_frames
from tests.unit.memory_farm import MemoryFarm, Terminal


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal whose farm has a failed job, a succeeded job and a running job."""
    farm = MemoryFarm(image=b"", depth=QueueDepth(waiting=12, in_flight=3, dead_letters=2))
    for name in ("old", "done", "now"):
        farm.executions.start(f"shot-{name}", {})
    put_frames(farm.store, make_job(farm.store, "1-17", job_id="shot-done"), range(1, 18))
    make_job(farm.store, "101-1700", job_id="shot-now")
    farm.executions.end("shot-old", JobStatus.FAILED, error="NoCamera", cause="Scene 'A' has no camera.")
    place = {"bucket": "scenes", "key": "film/shot.mp4"}
    report = {"bucket": "logs", "key": "jobs/shot-done/report.json"}
    farm.executions.end("shot-done", JobStatus.SUCCEEDED, output={"video": place, "report": report})
    return Terminal(capsys, monkeypatch, farm)


def test_the_queue_and_the_newest_jobs_are_shown(terminal: Terminal) -> None:
    ran = terminal.run("status")
    assert (ran.code, ran.err) == (0, "")
    queue, head, *jobs = ran.out.splitlines()
    assert queue == "Chunks: 12 waiting, 3 with workers, 2 given up"
    assert head.split() == ["JOB", "STATUS", "FRAMES", "STARTED", "SCENE"]
    assert {job.split()[0]: job.split()[1] for job in jobs} == {
        "shot-old": "failed",
        "shot-done": "succeeded",
        "shot-now": "running",
    }
    assert any("shot-now" in job and "0 of 1,600" in job and job.endswith("film/shot.blend") for job in jobs)
    assert any("shot-done" in job and "17 of 17" in job for job in jobs)


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("shot.blend", "shot.blend"),
        ("film/shot.blend", "film/shot.blend"),
        ("ann-1/home/ann/film/shot.blend", ".../film/shot.blend"),
    ],
)
def test_a_scene_is_shown_with_its_folder(terminal: Terminal, key: str, shown: str) -> None:
    terminal.farm.executions.start("shot-deep", {})
    scene = SceneRef(bucket="scenes", key=key, digest="")
    make_job(terminal.farm.store, "1-2", job_id="shot-deep", scene=scene)
    (line,) = [line for line in terminal.run("status").out.splitlines() if line.startswith("shot-deep")]
    assert line.split()[-1] == shown
    assert key in terminal.run("status", "shot-deep").out


def test_limit_sets_the_number_of_jobs(terminal: Terminal) -> None:
    assert len(json.loads(terminal.run("status", "--limit", "2", "--json").out)["jobs"]) == 2


def test_the_farm_is_shown_as_json(terminal: Terminal) -> None:
    document = json.loads(terminal.run("status", "--json").out)
    assert document["queue"] == {"waiting": 12, "in_flight": 3, "dead_letters": 2}
    (now,) = [job for job in document["jobs"] if job["job_id"] == "shot-now"]
    assert (now["status"], now["frames"]) == ("running", {"done": 0, "total": 1600})


def test_a_farm_without_jobs_shows_that_there_are_none(terminal: Terminal) -> None:
    terminal.farm = MemoryFarm(image=b"")
    assert terminal.run("status").out.splitlines()[1] == "Jobs: none yet"


def test_a_job_is_shown_with_the_places_of_its_results(terminal: Terminal) -> None:
    ran = terminal.run("status", "shot-done")
    assert ran.code == 0
    lines = dict(line.split(maxsplit=1) for line in ran.out.splitlines())
    assert lines["status"] == "succeeded"
    assert lines["frames"] == "17 of 17"
    assert lines["video"] == "s3://scenes/film/shot.mp4"
    assert lines["report"] == "s3://logs/jobs/shot-done/report.json"


def test_a_failed_job_is_shown_with_its_error(terminal: Terminal) -> None:
    lines = dict(line.split(maxsplit=1) for line in terminal.run("status", "shot-old").out.splitlines())
    assert lines["error"] == "NoCamera: Scene 'A' has no camera."
    assert "video" not in lines


def test_a_job_without_output_is_shown_with_its_report_once_it_exists(terminal: Terminal) -> None:
    assert "report" not in terminal.run("status", "shot-old").out
    terminal.farm.store.put("logs", "jobs/shot-old/report.json", b"{}")
    assert "report   s3://logs/jobs/shot-old/report.json" in terminal.run("status", "shot-old").out


def test_a_job_is_shown_as_json(terminal: Terminal) -> None:
    document = json.loads(terminal.run("status", "shot-old", "--json").out)
    assert (document["job_id"], document["error"]) == ("shot-old", "NoCamera")


def test_an_unknown_job_is_refused(terminal: Terminal) -> None:
    ran = terminal.run("status", "shot-else")
    assert (ran.code, ran.out, ran.err) == (2, "", "frameloom: JOB: the farm knows of no job 'shot-else'.\n")


def test_a_job_is_found_by_the_first_characters_of_its_id(terminal: Terminal) -> None:
    assert json.loads(terminal.run("status", "shot-o", "--json").out)["job_id"] == "shot-old"


def test_a_whole_id_is_no_prefix_of_another(terminal: Terminal) -> None:
    terminal.farm.executions.start("shot-old-2", {})
    assert json.loads(terminal.run("status", "shot-old", "--json").out)["job_id"] == "shot-old"


def test_an_ambiguous_prefix_lists_the_jobs(terminal: Terminal) -> None:
    ran = terminal.run("status", "shot-")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "frameloom: JOB: 'shot-' fits shot-now, shot-done, shot-old: type more characters.\n"
    for number in range(7):
        terminal.farm.executions.start(f"shot-{number}", {})
    assert "fits shot-6, shot-5, shot-4, shot-3, shot-2 and 5 more: type" in terminal.run("status", "shot-").err


def upload(farm: MemoryFarm, job_id: str, key: str, **metadata: str) -> None:
    """Start the execution that EventBridge starts for an uploaded scene."""
    farm.store.put(BUCKETS.scenes, key, b"scene", metadata=metadata)
    farm.executions.start(job_id, {"detail-type": "Object Created", "detail": {"object": {"key": key}}})


def test_an_execution_of_the_clients_own_upload_is_not_listed(terminal: Terminal) -> None:
    # Jobs that make no progress.
    still = MemoryExecutions()
    still._jobs = terminal.farm.executions._jobs
    terminal.farm.executions = still  # type: ignore[assignment]
    upload(terminal.farm, "ghost-done", "film/a.blend", **{START: START_NO})
    still.end("ghost-done", JobStatus.SUCCEEDED, output={"skipped": "film/a.blend was uploaded by someone"})
    upload(terminal.farm, "ghost-now", "film/b.blend", **{START: START_NO})
    upload(terminal.farm, "upload-now", "film/c.blend")
    upload(terminal.farm, "upload-failed", "film/d.blend", **{START: START_NO})
    still.end("upload-failed", JobStatus.FAILED, error="SceneNotFound", cause="It went away.")
    still.start("expired", {"file": "shot.blend"})
    still.end("expired", JobStatus.SUCCEEDED, output={"job_id": "expired"})
    listed = [job["job_id"] for job in json.loads(terminal.run("status", "--json").out)["jobs"]]
    assert listed == ["expired", "upload-failed", "upload-now", "shot-now", "shot-done", "shot-old"]
    # So many jobs, not so many executions.
    limited = json.loads(terminal.run("status", "--json", "--limit", "5").out)["jobs"]
    assert [job["job_id"] for job in limited] == listed[:5]
    # By its id, `status` shows it.
    assert json.loads(terminal.run("status", "ghost-done", "--json").out)["status"] == "succeeded"


def test_a_long_job_id_is_shown_whole_on_a_narrow_terminal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    name = "shot-" + "x" * 70
    make_job(terminal.farm.store, job_id=name)
    terminal.farm.executions.start(name, {})
    assert name in terminal.run("status").out


def test_a_terminal_gets_colours_without_no_color(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in terminal.run("status").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[32m" in terminal.run("status").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in terminal.run("status").out
