"""The job of the Python API, on a farm in memory: follow, wait, fetch, cancel, retry."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from frameloom.client import Action, Event, Farm, JobResult, Notice, NoticeKind, Step
from frameloom.model.errors import (
    FramesMissing,
    InvalidRequest,
    JobCanceled,
    JobFailed,
    JobUnfinished,
    MissingAssets,
)
from frameloom.model.job_status import JobStatus
from tests.scenes import make_scene
from tests.unit.memory_farm import VIDEO, MemoryFarm, files, make_png

LOST = FramesMissing(count=4, total=5, frames="2-5", reason="Nobody said why.")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryFarm:
    """A farm in memory, in a folder that holds shot.blend, of frames 1 to 5."""
    make_scene(tmp_path / "shot.blend")
    monkeypatch.chdir(tmp_path)
    # Each `describe` runs a step, so that waiting between two of them is useless.
    monkeypatch.setattr("frameloom.services.follow_job.QUICKEST", 0.001)
    return MemoryFarm(image=make_png())


@pytest.fixture
def farm(memory: MemoryFarm) -> Iterator[Farm]:
    with Farm(memory) as farm:
        yield farm


def test_following_a_job_downloads_its_frames_and_then_its_film_and_report(farm: Farm) -> None:
    job = farm.render("shot.blend", out="out")
    snapshots = list(job.follow())
    assert (snapshots[0].execution.job_id, snapshots[-1].done, snapshots[-1].total) == (job.id, 5, 5)
    result = job.result
    assert (result.job_id, result.status, result.succeeded) == (job.id, JobStatus.SUCCEEDED, True)
    assert (result.counts.total, result.seconds > 0) == (5, True)
    assert result.video == Path("out/shot.mp4")
    assert result.video.read_bytes() == VIDEO
    assert [path.name for path in result.frames] == [f"00000{frame}.png" for frame in range(1, 6)]
    assert {path.read_bytes() for path in result.frames} == {make_png()}
    assert {path.parent for path in result.frames} == {result.folder}
    assert result.report == Path("out/shot.report.json")


def test_without_a_folder_nothing_is_downloaded_and_a_later_fetch_brings_all(farm: Farm) -> None:
    job = farm.render("shot.blend")
    result = job.wait()
    assert result == JobResult(job_id=job.id, status=result.status, counts=result.counts, seconds=result.seconds)
    assert files(Path()) == {"shot.blend"}
    fetched = farm.job(job.id).fetch("out")
    assert (fetched.video, len(fetched.frames)) == (Path("out/shot.mp4"), 5)


def test_a_failed_job_raises_its_error_and_keeps_its_result(farm: Farm, memory: MemoryFarm) -> None:
    memory.breaks = LOST
    job = farm.render("shot.blend", out="out")
    with pytest.raises(JobFailed, match=f"Job {job.id} failed with FramesMissing: 4 of 5 frames are missing") as failed:
        job.wait()
    assert failed.value.facts == {"job_id": job.id, "error": "FramesMissing", "cause": str(LOST)}
    assert (job.result.status, len(job.result.frames)) == (JobStatus.FAILED, 1)
    assert farm.job(job.id).fetch("out").error == "FramesMissing"


def test_waiting_ends_in_time_and_the_job_continues(farm: Farm, memory: MemoryFarm) -> None:
    job = farm.render("shot.blend", out="out")
    with pytest.raises(JobUnfinished, match="has not ended within 0 s"):
        job.wait(timeout=0)
    with pytest.raises(JobUnfinished):
        job.result  # noqa: B018
    assert job.wait(timeout=60).succeeded
    assert len(memory.executions.list(limit=10)) == 1


def test_a_canceled_job_is_canceled_and_its_frames_can_be_fetched(farm: Farm, memory: MemoryFarm) -> None:
    job = farm.render("shot.blend", out="out")
    for snapshot in job.follow():
        if snapshot.done == 2:
            break
    assert job.cancel("wrong camera") is JobStatus.CANCELED
    folder = job.fetch_frames()
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == memory.rendered()
    info = job.status()
    assert (info.status, info.cause) == (JobStatus.CANCELED, "wrong camera")
    with pytest.raises(JobCanceled, match=f"^Job {job.id} was canceled: wrong camera$"):
        job.wait()


def _in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.parametrize("run", [_in_a_thread, lambda work: work()], ids=["thread", "signal_handler"])
def test_a_job_can_be_canceled_while_it_is_followed(
    farm: Farm, memory: MemoryFarm, run: Callable[[Callable[[], object]], None]
) -> None:
    job = farm.render("shot.blend", out="out")
    statuses = []

    def cancel(_: int) -> None:
        memory.on_look = lambda _: None
        run(lambda: statuses.append(job.cancel("wrong camera")))

    memory.on_look = cancel
    with pytest.raises(JobCanceled, match="wrong camera"):
        job.wait()
    assert statuses == [JobStatus.CANCELED]


def test_a_second_thread_cannot_follow_with_the_same_object(farm: Farm, memory: MemoryFarm) -> None:
    job = farm.render("shot.blend", out="out")
    errors = []

    def follow_too(_: int) -> None:
        with pytest.raises(RuntimeError, match=f"Another thread follows job {job.id}") as refused:
            job.wait()
        errors.append(refused.value)

    memory.on_look = lambda rendered: _in_a_thread(lambda: follow_too(rendered))
    assert job.wait().succeeded
    assert errors


def test_a_job_that_has_ended_is_not_canceled(farm: Farm) -> None:
    job = farm.render("shot.blend")
    job.wait()
    assert job.cancel() is JobStatus.SUCCEEDED


def test_a_retry_is_a_new_job_of_the_same_request(farm: Farm, memory: MemoryFarm) -> None:
    memory.breaks = LOST
    job = farm.render("shot.blend", frames="1-3")
    with pytest.raises(InvalidRequest, match="has not ended"):
        job.retry()
    with pytest.raises(JobFailed):
        job.wait()
    memory.breaks = None
    again = job.retry()
    assert again.id != job.id
    result = again.fetch("out")
    assert (result.succeeded, len(result.frames)) == (True, 3)
    with pytest.raises(InvalidRequest, match="no frames are missing"):
        again.retry()


def test_steps_and_notices_are_reported(memory: MemoryFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    make_scene(Path("shot.blend").absolute(), missing_image="//wood.png")
    Path("wood.png").write_bytes(b"wood")
    opened = memory.open

    def open_noisily(notify: object, *, trust_scripts: bool) -> None:
        opened(notify, trust_scripts=trust_scripts)  # type: ignore[arg-type]
        if memory.opened == 1:
            notify("Worker 1 ended.")  # type: ignore[operator]

    monkeypatch.setattr(memory, "open", open_noisily)
    events: list[Event] = []
    Farm(memory).render("shot.blend", out="out", on_event=events.append).wait()
    assert events == [
        Step(action=Action.CONNECT),
        Notice(kind=NoticeKind.FARM, text="Worker 1 ended."),
        Step(action=Action.UPLOAD_ASSETS, done=1, total=1),
        Step(action=Action.UPLOAD_SCENE),
        Step(action=Action.DOWNLOAD_VIDEO),
    ]


def test_a_checked_job_is_not_started_before_it_is_told_to(farm: Farm, memory: MemoryFarm) -> None:
    job = farm.new_job("shot.blend")
    assert (job.started, memory.opened, memory.executions.list(limit=1)) == (False, 0, [])
    assert job.start().start() is job
    assert (job.started, len(memory.executions.list(limit=10))) == (True, 1)


def test_missing_files_of_a_scene_are_an_error_before_the_job_starts(farm: Farm, memory: MemoryFarm) -> None:
    make_scene(Path("shot.blend").absolute(), missing_image="//wood.png")
    with pytest.raises(MissingAssets, match=r"//wood\.png"):
        farm.render("shot.blend")
    assert memory.executions.list(limit=1) == []
