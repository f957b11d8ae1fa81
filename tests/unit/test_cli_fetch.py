"""`frameloom render --detach` and `frameloom fetch`, on a farm in memory."""

import json
import os
import shlex
import signal
from pathlib import Path

from frameloom.model.job_status import JobStatus
from frameloom.testing import MemoryExecutions
from tests.unit.memory_farm import Terminal, frames_folder, make_png


def test_the_printed_commands_of_a_detached_job_work(persistent: Terminal) -> None:
    ran = persistent.run("render", "shot.blend", "--out", "out", "--frames", "1-3", "--stack", "film", "--detach")
    head, *lines = ran.out.splitlines()
    job_id = head.split()[1]
    assert (ran.code, head) == (0, f"Job {job_id} was started.")
    assert not Path("out").exists()
    assert persistent.farm.rendered() == set()
    printed = {line.split()[0]: shlex.split(line)[1:] for line in lines}
    assert list(printed) == ["status", "follow", "fetch", "cancel"]
    assert all(words[0] == "frameloom" and words[-2:] == ["--stack", "film"] for words in printed.values())
    assert persistent.run(*printed["status"][1:]).out.splitlines()[0].split() == ["job", job_id]
    fetched = persistent.run(*printed["fetch"][1:])
    assert (fetched.code, fetched.out.splitlines()[1:]) == (
        0,
        [
            f"  video   {Path('out').absolute()}/shot.mp4",
            f"  frames  {frames_folder().absolute()}",
            f"  report  {Path('out').absolute()}/shot.report.json",
        ],
    )
    assert persistent.run(*printed["follow"][1:]).code == 0
    # It has ended by now.
    assert persistent.run(*printed["cancel"][1:]).err == f"frameloom: Job {job_id} has ended before: it succeeded.\n"


def test_a_detached_job_is_printed_as_json_or_as_its_id(persistent: Terminal) -> None:
    document = json.loads(persistent.run("render", "shot.blend", "--detach", "--json").out)
    (newest,) = persistent.farm.executions.list(limit=1)
    assert (document["job_id"], document["status"]) == (newest.job_id, "running")
    assert document["commands"]["cancel"] == f"frameloom cancel {document['job_id']}"
    ran = persistent.run("sequence", "shot.blend", "--on-missing", "stitch", "--detach", "--quiet")
    (newest,) = persistent.farm.executions.list(limit=1)
    assert (ran.out, ran.err) == (f"{newest.job_id}\n", "")


def test_detach_is_refused_on_a_farm_that_ends_with_the_command(terminal: Terminal) -> None:
    ran = terminal.run("render", "shot.blend", "--detach")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        "frameloom: --detach: the farm that this command starts ends with it: start one with `frameloom farm up`, "
        "or name a stack with --stack.\n"
    )
    assert terminal.farm.opened == 0


def test_whole_frames_in_the_folder_are_not_fetched_again(persistent: Terminal) -> None:
    persistent.run("render", "shot.blend", "--out", "out")
    kept = frames_folder() / "000002.png"
    kept.write_bytes(make_png(9))
    (frames_folder() / "000003.png").write_bytes(make_png()[:-9])
    (frames_folder() / "000004.png").unlink()
    assert persistent.run("fetch", "shot-", "--out", "out").code == 0
    assert kept.read_bytes() == make_png(9)
    assert {(frames_folder() / f"00000{frame}.png").read_bytes() for frame in (1, 3, 4, 5)} == {make_png()}


def test_ctrl_c_ends_fetch_and_lets_the_job_continue(persistent: Terminal) -> None:
    job_id = json.loads(persistent.run("render", "shot.blend", "--detach", "--json").out)["job_id"]
    persistent.farm.on_look = lambda rendered: os.kill(os.getpid(), signal.SIGINT) if rendered == 2 else None
    ran = persistent.run("fetch", job_id, "--quiet")
    assert (ran.code, ran.err) == (
        130,
        f"frameloom: Job {job_id} was not changed. Run the same command to fetch the rest.\n",
    )
    persistent.farm.on_look = lambda _: None
    job = persistent.farm.executions.describe(job_id)
    assert job is not None
    assert job.status is JobStatus.RUNNING


def test_fetching_a_job_without_results_prints_the_reason(persistent: Terminal) -> None:
    executions = persistent.farm.executions
    for job_id in ("shot-failed", "shot-skipped", "shot-old"):
        MemoryExecutions.start(executions, job_id, {"file": "shot.blend"})
    executions.end(
        "shot-failed", JobStatus.FAILED, error="NoCamera", cause="There is no camera: name one with `camera`."
    )
    executions.end("shot-skipped", JobStatus.SUCCEEDED, output={"skipped": "someone starts its job"})
    executions.end("shot-old", JobStatus.SUCCEEDED, output={})
    ran = persistent.run("fetch", "shot-failed")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[-1] == "frameloom: There is no camera: name one with `camera`."
    for job_id, reason in (("shot-skipped", "someone starts its job"), ("shot-old", "its manifest is no longer")):
        ran = persistent.run("fetch", job_id)
        assert (ran.code, ran.out) == (2, "")
        assert f"JOB: {job_id} has no results to fetch: {reason}" in ran.err
    assert persistent.run("fetch", "nothing").code == 2
