"""A render that is interrupted: the job is canceled, or continues after a closed terminal."""

import json
import os
import shlex
import signal
import threading
import time
from pathlib import Path

import pytest

from frameloom.model.job_status import JobStatus
from tests.unit.memory_farm import VIDEO, Terminal, frames_folder, make_png


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_cancels_the_job_keeps_whole_frames_and_closes_the_farm(
    terminal: Terminal, number: signal.Signals
) -> None:
    def interrupt(rendered: int) -> None:
        if rendered == 3:
            # A frame that no snapshot has had when the signal comes.
            job = terminal.farm.job()
            terminal.farm.store.put(job.outputs.bucket, job.frame_key(5), make_png())
            os.kill(os.getpid(), number)

    terminal.farm.on_look = interrupt
    before = signal.getsignal(number)
    ran = terminal.run("render", "shot.blend", "--out", "out")
    job = terminal.farm.executions.describe(terminal.farm.job().job_id)
    assert ran.code == 130
    assert job is not None
    assert (job.status, job.cause) == (JobStatus.CANCELED, "Interrupted at the command line.")
    assert ran.err.splitlines()[-1] == (
        f"frameloom: Job {job.job_id} was canceled; its frames so far are in {frames_folder()}."
    )
    assert {path.name: path.read_bytes() for path in frames_folder().iterdir()} == {
        f"00000{frame}.png": make_png() for frame in (1, 2, 3, 5)
    }
    assert terminal.farm.closed >= 1
    assert signal.getsignal(number) is before


def test_a_closed_terminal_lets_the_job_continue_on_a_persistent_farm(
    persistent: Terminal,
) -> None:
    persistent.farm.on_look = lambda rendered: os.kill(os.getpid(), signal.SIGHUP) if rendered == 3 else None
    ran = persistent.run("render", "shot.blend", "--out", "out dir", "--stack", "film", "--json")
    job_id = persistent.farm.job().job_id
    assert ran.code == 130
    command = f"frameloom fetch {job_id} --out '{Path('out dir').absolute()}' --stack film"
    said = f"Job {job_id} continues. `{command}` follows it and fetches its results."
    assert ran.err == f"frameloom: {said}\n"
    assert json.loads(ran.out)["error"] == "Left"
    persistent.farm.on_look = lambda _: None
    job = persistent.farm.executions.describe(job_id)
    assert job is not None
    assert job.status is JobStatus.RUNNING
    again = persistent.run(*shlex.split(ran.err.split("`")[1])[1:])
    assert again.code == 0, again
    assert sorted(path.name for path in Path("out dir/shot").rglob("*.png")) == [f"00000{n}.png" for n in range(1, 6)]
    assert Path("out dir/shot.mp4").read_bytes() == VIDEO


def test_ctrl_c_cancels_the_job_on_a_persistent_farm(persistent: Terminal) -> None:
    persistent.farm.on_look = lambda rendered: os.kill(os.getpid(), signal.SIGINT) if rendered == 3 else None
    assert "was canceled" in persistent.run("render", "shot.blend", "--out", "out").err


def test_a_second_interrupt_skips_the_cancellation_and_closes_the_farm(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(10)

    terminal.farm.on_look = lambda rendered: interrupt() if rendered == 2 else None
    monkeypatch.setattr(terminal.farm.executions, "stop", interrupt)
    began = time.monotonic()
    ran = terminal.run("render", "shot.blend", "--out", "out")
    assert ran.code == 130
    assert time.monotonic() - began < 8
    assert terminal.farm.closed >= 1


def test_an_interrupt_while_the_farm_closes_is_ignored(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def close() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        closed.append(True)

    monkeypatch.setattr(terminal.farm, "close", close)
    assert terminal.run("render", "shot.blend", "--out", "out").code == 0
    assert closed == [True]


def test_an_interrupt_before_the_job_starts_closes_the_farm(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.farm, "connection", lambda: os.kill(os.getpid(), signal.SIGTERM))
    ran = terminal.run("render", "shot.blend", "--out", "out", "--json")
    assert (ran.code, json.loads(ran.out)["error"]) == (130, "Canceled")
    assert terminal.farm.closed >= 1
    assert not Path("out").exists()
