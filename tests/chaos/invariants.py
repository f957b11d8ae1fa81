"""Invariants that hold after each run; each function yields a sentence for each violation."""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from PIL import Image

from frameloom.model.job_status import JobStatus
from frameloom.model.log_event import LogEvent
from tests.chaos.disturbances import reported_invalid_messages
from tests.e2e.rig import Rig, wait
from tests.video_probe import probe

if TYPE_CHECKING:
    from tests.chaos.run import ChaosJob

# Seconds: a message that killed three workers is received and returned three more times.
PATIENCE = 60.0

# The folder of all files of the workers.
SCRATCH = "scratch"


def pixels(rig: Rig, stem: str) -> dict[int, bytes]:
    """Return the pixels of a scene's frames in S3, by frame."""
    found = {}
    for stored in rig.store.list(rig.stack.buckets.frames, f"{stem}/"):
        data = rig.store.get(rig.stack.buckets.frames, stored.key) or b""
        found[int(Path(stored.key).stem)] = Image.open(io.BytesIO(data)).tobytes()
    return found


def of_jobs(
    rig: Rig, jobs: "list[ChaosJob]", canceled: set[str], pictures: Mapping[str, Mapping[int, bytes]]
) -> Iterator[str]:
    """Each job has ended, with a reason; a successful job has each frame once, with the undisturbed pixels.

    Canceled jobs have a report as well.
    """
    for job in jobs:
        if job.status is None:
            yield f"{job.job_id} has not ended"
        elif job.status is JobStatus.SUCCEEDED:
            yield from _of_a_success(rig, job, pictures[job.scene])
        elif job.status is JobStatus.CANCELED:
            if job.job_id not in canceled:
                yield f"{job.job_id} was canceled without a request"
            yield from _of_a_cancel(rig, job)
        elif not job.error or not job.cause:
            yield f"{job.job_id} failed without a reason"


def _of_a_cancel(rig: Rig, job: "ChaosJob") -> Iterator[str]:
    try:
        rig.wait_for_report(job.job_id)
    except AssertionError:
        yield f"{job.job_id} was canceled and has no report"


def _of_a_success(rig: Rig, job: "ChaosJob", expected: Mapping[int, bytes]) -> Iterator[str]:
    stem = job.request["file"].removesuffix(".blend")
    found = pixels(rig, stem)
    if sorted(found) != sorted(expected):
        yield f"{job.job_id} succeeded with frames {sorted(found)} of {sorted(expected)}"
    for frame in found.keys() & expected.keys():
        if found[frame] != expected[frame]:
            yield f"{job.job_id} has another frame {frame} than an undisturbed job"
    if job.request["output"] == "both":
        film = rig.farm.work_dir / "film.mp4"
        place = rig.report(job.job_id)["summary"]["video"]
        rig.store.download(place["bucket"], place["key"], film)
        frames = probe(film).frames
        film.unlink()
        if frames != len(expected):
            yield f"{job.job_id} has a film of {frames} frames"


def of_a_second_start(rig: Rig, job: "ChaosJob", expected: Mapping[int, bytes]) -> Iterator[str]:
    """A failed or canceled job succeeds when it is started again, and renders only the missing frames."""
    stem = job.request["file"].removesuffix(".blend")
    before = rig.frame_writes(stem)
    # No disturbance is active; the timeouts allow for a busy machine.
    execution = rig.run(**job.request | {"frame_timeout": 300})
    if execution.status is not JobStatus.SUCCEEDED:
        yield f"{job.job_id}, started again, ended as {execution.status}: {execution.cause}"
        return
    after = rig.frame_writes(stem)
    if anew := [key for key in before if after[key] != before[key]]:
        yield f"{job.job_id}, started again, rendered {anew} again"
    if pixels(rig, stem) != dict(expected):
        yield f"{job.job_id}, started again, has other frames than an undisturbed job"


def of_queues(rig: Rig, folder: Path, *, invalid: int) -> Iterator[str]:
    """No message is left over, and each invalid message was reported."""
    queues = rig.sqs.list_queues().get("QueueUrls", [])
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def left() -> dict[str, int]:
        found = {}
        for url in queues:
            attributes = rig.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            if number := sum(int(attributes[name]) for name in names):
                found[url.rpartition("/")[2]] = number
        return found

    try:
        wait(lambda: not left(), "empty queues", patience=PATIENCE)
    except AssertionError:
        yield f"messages are left over: {left()}"
    reported = reported_invalid_messages((folder / "farm" / "functions.log").read_text(errors="replace"))
    # A fault may have doubled an invalid message.
    if reported < invalid:
        yield f"only {reported} of {invalid} invalid messages were reported"


def of_buckets(rig: Rig) -> Iterator[str]:
    """No multipart upload is incomplete, and no object is empty."""
    buckets = rig.stack.buckets
    for bucket in (buckets.scenes, buckets.frames, buckets.logs):
        for upload in rig.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            yield f"an upload of {upload['Key']} to {bucket} is incomplete"
    for stored in rig.store.list(buckets.frames, ""):
        if stored.size == 0:
            yield f"{stored.key} is empty"


def of_logs(rig: Rig, folder: Path) -> Iterator[str]:
    """Each line that a worker logged for a job is in the job's log once."""

    def missing() -> Counter[str]:
        return _written(folder) - _stored(rig)

    try:
        # The last batches arrive late, and a killed worker's lines come from the next worker.
        wait(lambda: not missing(), "the logs", patience=PATIENCE)
    except AssertionError:
        lost = missing()
        yield f"{lost.total()} lines of logs are lost, the first: {next(iter(lost))}"
    if doubled := [line for line, number in (_stored(rig) - _written(folder)).items() if number]:
        yield f"{len(doubled)} lines of logs are duplicates or have no source, the first: {doubled[0]}"


def _written(folder: Path) -> Counter[str]:
    lines: Counter[str] = Counter()
    for file in (folder / "farm").glob("worker-*.log"):
        for line in file.read_text(errors="replace").splitlines():
            if line.startswith("{") and '"job_id"' in line:
                lines[line] += 1
    return lines


def _stored(rig: Rig) -> Counter[str]:
    bucket = rig.stack.buckets.logs
    parts = [stored.key for stored in rig.store.list(bucket, "jobs/") if stored.key.endswith(".jsonl")]
    return Counter(chain.from_iterable((rig.store.get(bucket, key) or b"").decode().splitlines() for key in parts))


def of_disk(folder: Path, *, workers: int) -> Iterator[str]:
    """Only running workers have temporary files, and no frame is among them."""

    def folders() -> list[str]:
        return sorted(path.name for path in (folder / SCRATCH).iterdir())

    try:
        wait(lambda: len(folders()) <= workers, "the folders of dead workers to go", patience=PATIENCE)
    except AssertionError:
        yield f"folders of dead workers are left over: {folders()} of {workers} workers"
    if frames := [path.name for path in (folder / SCRATCH).glob("*/*.png")]:
        yield f"frames are left over on the disk: {frames}"


def of_a_closed_farm(folder: Path) -> Iterator[str]:
    """No process and no temporary file is left over."""
    if left := sorted(path.name for path in (folder / SCRATCH).iterdir()):
        yield f"workers' files are left over: {left}"
    # The emulator stores objects in files there and deletes them with the folder.
    temporary = (path.name for path in (folder / "farm" / "tmp").iterdir())
    if left := sorted(name for name in temporary if not name.startswith("object-")):
        yield f"temporary files of functions are left over: {left}"
    try:
        wait(lambda: not _processes(folder), "the farm's processes to end", patience=10)
    except AssertionError:
        yield f"processes are left over: {_processes(folder)}"


def _processes(folder: Path) -> list[str]:
    """Return the processes with the farm's folder on their command line or in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            texts = [*process.cmdline(), *process.environ().values()]
            if process.pid != psutil.Process().pid and any(str(folder) in text for text in texts):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.Error:
            # It has ended, or belongs to another user.
            continue
    return found


def work(rig: Rig, jobs: "list[ChaosJob]") -> tuple[int, int]:
    """Return the frames of the jobs, and the renders that they took."""
    records: list[dict[str, Any]] = [record for job in jobs for record in rig.log(job.job_id)]
    rendered = [
        (record["job_id"], record["frame"]) for record in records if record.get("event") == LogEvent.FRAME_RENDERED
    ]
    return len(set(rendered)), len(rendered)
