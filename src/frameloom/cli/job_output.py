"""The output of a job's command: the client's steps while it runs, and the result at its end."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from frameloom.cli.display import Display, duration
from frameloom.cli.option_names import as_typed
from frameloom.cli.output import tell_error, tell_json, tell_notice
from frameloom.cli.terminal import say
from frameloom.client import Action, Event, JobResult, Notice
from frameloom.model.counts import counted
from frameloom.model.job_status import JobStatus

_STEPS = {
    Action.CONNECT: "Reaching the farm",
    Action.UPLOAD_ASSETS: "Uploading the scene's assets",
    Action.UPLOAD_SCENE: "Uploading",
    Action.DOWNLOAD_VIDEO: "Fetching the video",
}


def show_event(display: Display, event: Event) -> None:
    """Show a step or a notice of the client."""
    if isinstance(event, Notice):
        display.note(event.text)
    elif event.total is None:
        display.say(_STEPS[event.action])
    else:
        display.say(f"{_STEPS[event.action]}: {event.done or 0:,} of {counted(event.total, 'file')}")


def tell_result(result: JobResult, *, json: bool, quiet: bool) -> None:
    """Print the paths of the results, the notices and, for a job that failed, the reason."""
    if result.error is not None:
        result = replace(result, cause=as_typed(result.error, result.cause or ""))
    if json:
        tell_json(as_json(result))
    elif not quiet:
        say(*_lines(result))
        for notice in result.notices:
            tell_notice(notice)
    if not result.succeeded:
        tell_error(result.error or "Failed", result.cause or f"Job {result.job_id} {result.status}.", json=False)


def as_json(result: JobResult) -> dict[str, Any]:
    """Return the document that `--json` prints."""
    paths = {"video": result.video, "frames": result.folder, "report": result.report}
    document = {
        "job_id": result.job_id,
        "status": str(result.status),
        "frames": result.counts.to_json(),
        "paths": {name: str(path) for name, path in paths.items() if path is not None},
        "seconds": round(result.seconds, 3),
    }
    if result.notices:
        document["notices"] = [notice.to_json() for notice in result.notices]
    return document | ({} if result.error is None else {"error": result.error, "cause": result.cause or ""})


def _lines(result: JobResult) -> Iterator[str]:
    if result.status is JobStatus.SUCCEEDED:
        frames = result.counts
        counts = [f"{counted(frames.rendered, 'frame')} rendered"] if frames.rendered else []
        counts += [f"{frames.reused:,} reused"] if frames.reused else []
        counts += [f"{frames.missing:,} missing"] if frames.missing else []
        yield f"{', '.join(counts)} in {duration(result.seconds)}"
    for name, path in (("video", result.video), ("frames", result.folder), ("report", result.report)):
        if path is not None:
            yield f"  {name:<7} {path}"
