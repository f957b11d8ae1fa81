"""Run one job from here: check, reach the farm, upload, start, follow, fetch, and say where it all lies."""

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import typer

from frameloom.cli.detached import commands, tell_started
from frameloom.cli.display import Display, duration, make_display
from frameloom.cli.option_names import as_typed
from frameloom.cli.output import FAILED, tell_error, tell_json
from frameloom.cli.signals import HungUp, Interrupts, Left
from frameloom.cli.terminal import say
from frameloom.client.colour_config import refuse_own_configuration
from frameloom.client.connect import Farm, Target, find_target
from frameloom.client.job_request import apart_from, build_request, find_scene
from frameloom.client.output_versions import Kept, keep
from frameloom.client.outputs import Results
from frameloom.model import keys
from frameloom.model.counts import counted
from frameloom.model.errors import InvalidRequest
from frameloom.model.job import Job
from frameloom.model.job_status import JobStatus
from frameloom.model.report import FrameCounts, JobReport
from frameloom.model.request import START, START_NO, JobRequest
from frameloom.services.follow_job import Snapshot, follow
from frameloom.services.resolve_request import ResolvedRequest, resolve_request, with_assets
from frameloom.services.scene.upload_assets import DIGEST, local_assets, upload_assets
from frameloom.services.storage import job_documents
from frameloom.services.storage.frame_transfer import FrameFetcher, offer_frames, whole_frames

ENDS_WITH_THE_COMMAND = (
    "the farm that this command starts ends with it: start one with `frameloom farm up`, or name a stack with --stack"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a command line asks for; `fields` and `settings` as `build_request` takes them."""

    scene: Path
    fields: Mapping[str, str | None]
    settings: Iterable[str]
    out: Path
    local: bool
    stack: str | None
    workers: int | None = None
    detach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job ended, and where its results lie on this machine; what is None is not there."""

    job_id: str
    status: JobStatus
    frames: FrameCounts
    seconds: float
    video: Path | None = None
    folder: Path | None = None
    report: Path | None = None
    error: str | None = None
    cause: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        paths = {"video": self.video, "frames": self.folder, "report": self.report}
        document = {
            "job_id": self.job_id,
            "status": str(self.status),
            "frames": self.frames.to_json(),
            "paths": {name: str(path) for name, path in paths.items() if path is not None},
            "seconds": round(self.seconds, 3),
        }
        return document | ({} if self.error is None else {"error": self.error, "cause": self.cause or ""})


def run(order: Order, *, json: bool, quiet: bool) -> None:
    """Run the job that a command line asks for.

    Raises:
        FarmError: it was refused before anything was started, or the farm cannot be used.
        Left: the terminal was closed, and the job continues.
        typer.Exit: it failed, and the failure was printed.
    """
    began = time.monotonic()
    with Interrupts() as interrupts:
        scene = find_scene(order.scene)
        request = build_request(scene, order.fields, order.settings)
        if request.output != "video":
            refuse_own_configuration()
        target = find_target(
            stack=order.stack,
            local=order.local,
            workers=order.workers,
            trust_scripts=request.trust_scripts is True,
        )
        if order.detach and not target.stays:
            raise InvalidRequest(field="--detach", problem=ENDS_WITH_THE_COMMAND)
        if target.chunks_at_once is not None and "max_workers" not in request.model_fields_set:
            request = request.model_copy(update={"max_workers": target.chunks_at_once})
        settled = resolve_request(request, scene, blender=target.blender(), device=target.device(), name=scene.name)
        results = Results.of(order.out, request, scene)
        results.check(settled.render_key)
        assets = local_assets(scene, request.file, settled.references)
        if request.output != "frames":
            results.check_against(assets.values())
            request = apart_from(request, assets)
        with make_display(quiet=quiet, json=json) as display:
            errand = Errand(
                scene=scene,
                request=request,
                settled=settled,
                assets=assets,
                results=results,
                display=display,
                began=began,
            )
            try:
                ending = interrupts.surely(lambda: errand.run(target, interrupts, detach=order.detach), target.close)
            except JobLeft as left:
                fetch = commands(left.job_id, stack=order.stack, out=order.out)["fetch"]
                raise Left(f"Job {left.job_id} continues. `{fetch}` follows it and fetches its results.") from None
    if not ending.status.ended:
        afterwards = commands(ending.job_id, stack=order.stack, out=order.out)
        tell_started(ending.job_id, afterwards, json=json, quiet=quiet)
        return
    tell_ending(ending, json=json, quiet=quiet)
    if ending.status is not JobStatus.SUCCEEDED:
        raise typer.Exit(FAILED)


class Canceled(KeyboardInterrupt):
    """The user interrupted a job that had begun; the message says what is left of it."""


class JobLeft(KeyboardInterrupt):
    """The terminal was closed, and its job continues."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class Errand:
    """A job that was checked and can be brought to a farm."""

    def __init__(
        self,
        *,
        scene: Path,
        request: JobRequest,
        settled: ResolvedRequest,
        assets: Mapping[str, Path],
        results: Results,
        display: Display,
        began: float,
    ) -> None:
        self._scene, self._request, self._settled, self._assets = scene, request, settled, assets
        self._results, self._display, self._began = results, display, began
        self._folder = results.frames(settled.render_key)
        # Frames that are known to lie whole in the folder.
        self._have: set[int] = set()

    def run(self, target: Target, interrupts: Interrupts, *, detach: bool = False) -> Ending:
        """Run the job on a farm to its end, or only start it; on an interrupt, cancel it and keep whole frames.

        Raises:
            JobLeft: the terminal was closed, and farm and job continue without this command.
        """
        self._display.say("Reaching the farm")
        target.open(self._display.note)
        if self._settled.references:
            self._upload_assets(target.farm())
        file_format = self._settled.settings.format
        self._have.update(whole_frames(self._settled.frames, self._folder, file_format=file_format))
        farm = target.farm()
        self._upload(farm, with_frames=not target.keeps_frames)
        job_id = keys.new_job_id(self._request.file, datetime.now(UTC), secrets.token_hex(3))
        try:
            farm.executions.start(job_id, self._request.to_json())
            # Said at once: a job in AWS goes on where this command cannot follow it any more.
            if detach:
                seconds = time.monotonic() - self._began
                return Ending(job_id=job_id, status=JobStatus.RUNNING, frames=FrameCounts(), seconds=seconds)
            self._display.note(f"Job {job_id}")
            return self._end(self._follow(job_id, farm), farm)
        except KeyboardInterrupt as interrupt:
            if isinstance(interrupt, HungUp) and target.stays:
                raise JobLeft(job_id) from None
            with interrupts.skippable():
                self._display.say("Canceling (once more to leave at once)")
                self._cancel(job_id, farm)
            left = f"its frames so far are in {self._folder}" if self._folder.is_dir() else "it has no frame yet"
            raise Canceled(f"Job {job_id} was canceled; {left}.") from None

    def fetch(self, job: Job, farm: Farm) -> Ending:
        """Follow a job of another command to its end, and fetch its results."""
        self._folder = self._results.frames(Path(job.outputs.prefix).name)
        self._have.update(whole_frames(job.frame_range(), self._folder, file_format=job.settings.format))
        return self._end(self._follow(job.job_id, farm), farm)

    def _upload_assets(self, farm: Farm) -> None:
        """Bring to the farm what the scene refers to; from here on its frames are those that it makes with these files.

        Raises:
            MissingAssets: some are neither here nor there.
        """
        upload_assets(self._assets, store=farm.store, bucket=farm.buckets.scenes, tell=self._display.say)
        self._settled = with_assets(self._settled, self._request, store=farm.store, buckets=farm.buckets)
        self._folder = self._results.frames(self._settled.render_key)

    def _upload(self, farm: Farm, *, with_frames: bool) -> None:
        """Bring to the farm what it does not have."""
        self._display.say("Uploading")
        key, bucket = self._request.file, farm.buckets.scenes
        stored = farm.store.head(bucket, key)
        if stored is None or stored.metadata.get(DIGEST) != self._settled.digest:
            metadata = {START: START_NO, DIGEST: self._settled.digest}
            farm.store.upload(self._scene, bucket, key, content_type="application/x-blender", metadata=metadata)
        if with_frames and self._have:
            offer_frames(
                sorted(self._have),
                self._folder,
                store=farm.store,
                bucket=farm.buckets.frames,
                prefix=keys.frames_prefix(key, self._settled.render_key),
                file_format=self._settled.settings.format,
            )

    def _follow(self, job_id: str, farm: Farm) -> Snapshot:
        """Show the job and fetch its frames until it has ended; return how it ended."""
        with FrameFetcher(farm.store, farm.buckets.frames) as fetcher:
            try:
                for snapshot in follow(job_id, store=farm.store, executions=farm.executions, buckets=farm.buckets):
                    self._display.show(snapshot)
                    if snapshot.job is not None and snapshot.job.renders_frames:
                        self._fetch(snapshot.fresh, snapshot.job, fetcher)
            finally:
                self._have |= fetcher.brought
        return snapshot

    def _fetch(self, frames: Iterable[int], job: Job, fetcher: FrameFetcher) -> None:
        # The farm has the last word on the render key: it may hold another Blender than is installed here.
        folder = self._results.frames(Path(job.outputs.prefix).name)
        wanted = [frame for frame in frames if folder != self._folder or frame not in self._have]
        fetcher.fetch(wanted, job.outputs.prefix, folder, job.settings.format)

    def _cancel(self, job_id: str, farm: Farm) -> None:
        """Stop the job and fetch the frames that it has made since."""
        with suppress(LookupError):
            farm.executions.stop(job_id, reason="Interrupted at the command line.")
        job = job_documents.find_job(farm.store, farm.buckets, job_id)
        if job is not None and job.renders_frames:
            with FrameFetcher(farm.store, farm.buckets.frames) as fetcher:
                self._fetch(job_documents.present_frames(farm.store, job), job, fetcher)

    def _end(self, snapshot: Snapshot, farm: Farm) -> Ending:
        """Fetch the report and the video, and return how the job ended."""
        ended = snapshot.execution
        report = job_documents.read(farm.store, farm.buckets.logs, keys.report_key(ended.job_id))
        summary = None if report is None else JobReport.model_validate(report).summary
        kept = None if report is None else self._keep(report, snapshot.job, farm)
        error, cause = ended.error, ended.cause
        if ended.status is JobStatus.CANCELED:
            error, cause = "Canceled", f"Job {ended.job_id} was canceled: {ended.cause or 'nobody said why'}"
        elif ended.status is JobStatus.FAILED and summary is not None:
            error, cause = summary.error, summary.cause
        folder = self._folder if snapshot.job is None else self._results.frames(Path(snapshot.job.outputs.prefix).name)
        return Ending(
            job_id=ended.job_id,
            status=ended.status,
            frames=_counts(snapshot) if summary is None else summary.frames,
            seconds=time.monotonic() - self._began,
            video=None if kept is None else kept.video,
            folder=folder if folder.is_dir() else None,
            report=None if kept is None else kept.report,
            error=error,
            cause=cause,
        )

    def _keep(self, report: dict[str, Any], job: Job | None, farm: Farm) -> Kept:
        """Download the report and the video of a job that has ended to the output folder."""
        video = JobReport.model_validate(report).summary.video
        if video is not None:
            self._display.say("Fetching the video")
        return keep(
            self._results,
            report,
            identity=self._identity() if job is None else job.film_identity(job.frame_range()),
            fetch=None if video is None else partial(farm.store.download, video.bucket, video.key),
        )

    def _identity(self) -> str:
        """Return the identity of the request, for a job that failed before the farm settled it."""
        request, settled = self._request, self._settled
        return keys.film_identity(
            scene=request.file,
            render=settled.render_key,
            frames=str(settled.frames),
            fps=settled.fps,
            video=None if request.output == "frames" else request.video,
        )


def _counts(snapshot: Snapshot) -> FrameCounts:
    """Return what is known of the frames of a job without a report."""
    total, reused = snapshot.total or 0, snapshot.reused or 0
    return FrameCounts(total=total, rendered=snapshot.done - reused, reused=reused, missing=total - snapshot.done)


def tell_ending(ending: Ending, *, json: bool, quiet: bool) -> None:
    """Print where the results lie and, of a job that failed, why."""
    if ending.error is not None:
        ending = replace(ending, cause=as_typed(ending.error, ending.cause or ""))
    if json:
        tell_json(ending.to_json())
    elif not quiet:
        say(*_lines(ending))
    if ending.status is not JobStatus.SUCCEEDED:
        tell_error(ending.error or "Failed", ending.cause or f"Job {ending.job_id} {ending.status}.", json=False)


def _lines(ending: Ending) -> Iterator[str]:
    if ending.status is JobStatus.SUCCEEDED:
        frames = ending.frames
        counts = [f"{counted(frames.rendered, 'frame')} rendered"] if frames.rendered else []
        counts += [f"{frames.reused:,} reused"] if frames.reused else []
        counts += [f"{frames.missing:,} missing"] if frames.missing else []
        yield f"{', '.join(counts)} in {duration(ending.seconds)}"
    for name, path in (("video", ending.video), ("frames", ending.folder), ("report", ending.report)):
        if path is not None:
            yield f"  {name:<7} {path}"
