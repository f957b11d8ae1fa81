"""The display of a running job."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from frameloom.cli.display import LineDisplay, LiveDisplay, activity, duration, facts_of, make_display, step_of
from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import LogRecord
from frameloom.services.follow_job import Snapshot
from frameloom.services.storage.ports import Execution
from frameloom.testing import MemoryStore
from tests.jobs import make_job

RUNNING = Execution(job_id="shot-1", status=JobStatus.RUNNING, started="2026-11-23T06:00:00Z")


def snapshot(**facts: Any) -> Snapshot:
    """Return a job that renders: 7 of 17 frames are there, 2 of them were before."""
    job = make_job(MemoryStore())
    values: dict[str, Any] = {"execution": RUNNING, "job": job, "done": 7, "total": 17, "reused": 2}
    return Snapshot(**(values | {"rate": 1.9, "left": 65.0} | facts))


def ended(status: JobStatus) -> Execution:
    return Execution(job_id="shot-1", status=status, started="2026-11-23T06:00:00Z")


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({"job": None, "total": None}, "Preparing"),
        ({"reused": None}, "Preparing"),
        ({}, "Rendering"),
        ({"done": 17}, "Making the video"),
        ({"job": make_job(MemoryStore(), output="video")}, "Making the video"),
        ({"done": 17, "job": make_job(MemoryStore(), output="frames")}, "Finishing"),
        ({"execution": ended(JobStatus.SUCCEEDED)}, "Done"),
        ({"execution": ended(JobStatus.FAILED)}, "Failed"),
        ({"execution": ended(JobStatus.CANCELED)}, "Canceled"),
    ],
)
def test_the_step_follows_the_state_of_the_job(facts: dict[str, Any], step: str) -> None:
    assert step_of(snapshot(**facts)) == step


def test_only_known_figures_are_shown() -> None:
    assert facts_of(snapshot()) == ["7 of 17 frames", "2 reused", "1.9 frames/s", "1:05 left"]
    assert facts_of(snapshot(reused=0, rate=None, left=None)) == ["7 of 17 frames"]
    assert facts_of(snapshot(done=17, left=0.0)) == ["17 of 17 frames", "2 reused"]
    assert facts_of(snapshot(done=0, total=1, reused=0, rate=None)) == ["0 of 1 frame"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (9.6, "0:10"), (65, "1:05"), (3599.6, "1:00:00"), (90061, "25:01:01")]
)
def test_durations_read_as_a_clock(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def record(
    event: LogEvent | None,
    *,
    message: str = "A sentence",
    worker: str = "worker-1",
    time: str = "1",
    frame: int | None = None,
    **facts: Any,
) -> LogRecord:
    return LogRecord(time=time, level="info", event=event, message=message, worker=worker, frame=frame, facts=facts)


@pytest.mark.parametrize(
    ("latest", "text"),
    [
        (record(LogEvent.CHUNK_RECEIVED, frames="4-6"), "opens the scene for frames 4-6"),
        (record(LogEvent.FRAME_STARTED, frame=4), "renders frame 4"),
        (record(LogEvent.FRAME_RENDERED, frame=4, seconds=1.23), "has rendered frame 4 in 1.2 s"),
        (record(LogEvent.FRAME_RENDERED, frame=4), "has rendered frame 4"),
        (record(LogEvent.CHUNK_SUCCEEDED), "waits for a chunk"),
        (record(LogEvent.CHUNK_FAILED, error="RenderCrashed", cause="It fell over."), "failed: It fell over."),
        (record(LogEvent.BLENDER_KILLED, message="Blender killed"), "Blender killed"),
        (record(None, message="Frame rendered", frame=4), "Frame rendered"),
    ],
)
def test_a_workers_line_shows_its_latest_event_whatever_the_sentence(latest: LogRecord, text: str) -> None:
    """A record without an event, as an older version writes them, shows its sentence."""
    assert activity(latest) == text


class Screen:
    """A console in memory, with a clock."""

    def __init__(self, *, terminal: bool) -> None:
        self.console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None)
        self.now = 100.0

    def text(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()


def test_a_pipe_gets_a_line_for_each_step_and_every_few_seconds() -> None:
    screen = Screen(terminal=False)
    with LineDisplay(screen.console, clock=lambda: screen.now) as display:
        display.say("Uploading")
        display.show(snapshot(job=None, total=None))
        display.show(snapshot(done=3, reused=0, rate=None, left=None))
        for done in (4, 5, 6, 7):
            screen.now += 2
            display.show(snapshot(done=done, reused=0, rate=None, left=None))
        display.note("Worker 1 ended with code -9")
        for _ in range(40):
            screen.now += 2
            display.show(snapshot(done=7, reused=0, rate=None, left=None))
        display.show(snapshot(execution=ended(JobStatus.SUCCEEDED), done=17, reused=0))
        display.show(snapshot(execution=ended(JobStatus.SUCCEEDED), done=17, reused=0))
    assert screen.text().splitlines() == [
        "Uploading",
        "Preparing",
        "Rendering: 3 of 17 frames",
        "Rendering: 6 of 17 frames",
        "Worker 1 ended with code -9",
        "Rendering: 7 of 17 frames",
        "Rendering: 7 of 17 frames",
        "Done: 17 of 17 frames",
    ]


def test_a_terminal_shows_a_bar_with_its_figures_and_a_line_for_each_worker() -> None:
    screen = Screen(terminal=True)
    workers = (record(LogEvent.FRAME_STARTED, frame=7), record(LogEvent.CHUNK_SUCCEEDED, worker="worker-2"))
    with LiveDisplay(screen.console) as display:
        display.show(snapshot(workers=workers))
        display.note("Worker 3 ended with code -9")
    text = screen.text()
    for part in ("Rendering", "41%", "7 of 17 frames · 2 reused · 1.9 frames/s · 1:05 left", "Worker 3 ended"):
        assert part in text
    assert "worker-1  renders frame 7" in text
    assert "worker-2  waits for a chunk" in text


def test_the_latest_of_many_workers_are_shown_and_the_others_counted() -> None:
    screen = Screen(terminal=True)
    workers = tuple(record(LogEvent.FRAME_STARTED, worker=f"w{i:02}", time=f"{i:02}", frame=i) for i in range(20))
    with LiveDisplay(screen.console) as display:
        display.show(snapshot(workers=workers))
    text = screen.text()
    assert re.search("w19 +renders frame 19", text)
    assert "w07" not in text
    assert "and 8 more" in text


@pytest.mark.parametrize(
    ("words", "terminal", "kind"),
    [
        ((), False, "LineDisplay"),
        ((), True, "LiveDisplay"),
        (("quiet",), True, "Silence"),
        (("json",), False, "Silence"),
        (("json",), True, "LiveDisplay"),
        (("quiet", "json"), False, "Silence"),
    ],
)
def test_the_display_depends_on_whether_stderr_is_a_terminal(
    words: tuple[str, ...], *, terminal: bool, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1" if terminal else "")
    assert type(make_display(quiet="quiet" in words, json="json" in words)).__name__ == kind
