"""The Python API: start jobs on a farm, follow them, and download their results.

    from frameloom.client import Farm

    with Farm.local() as farm:
        job = farm.render("shot.blend", frames="1-10", out="renders")
        result = job.wait()
        print(result.video)

The command line is one user of it. Nothing here prints or reads the terminal. Errors are those of
`frameloom.model.errors`, and OSError for files on this machine.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from frameloom.client.job_events import Action, Event, Step
    from frameloom.client.job_result import JobInfo, JobResult, QueueDepth
    from frameloom.client.render_farm import Farm
    from frameloom.client.render_job import Job
    from frameloom.client.request_fields import RequestFields
    from frameloom.client.scene_check import SceneCheck, check_scene
    from frameloom.model.notices import Notice, NoticeKind
    from frameloom.services.follow_job import Snapshot

__all__ = [
    "Action",
    "Event",
    "Farm",
    "Job",
    "JobInfo",
    "JobResult",
    "Notice",
    "NoticeKind",
    "QueueDepth",
    "RequestFields",
    "SceneCheck",
    "Snapshot",
    "Step",
    "check_scene",
]

_MODULES = {
    "Action": "frameloom.client.job_events",
    "Event": "frameloom.client.job_events",
    "Farm": "frameloom.client.render_farm",
    "Job": "frameloom.client.render_job",
    "JobInfo": "frameloom.client.job_result",
    "JobResult": "frameloom.client.job_result",
    "Notice": "frameloom.model.notices",
    "NoticeKind": "frameloom.model.notices",
    "QueueDepth": "frameloom.client.job_result",
    "RequestFields": "frameloom.client.request_fields",
    "SceneCheck": "frameloom.client.scene_check",
    "Snapshot": "frameloom.services.follow_job",
    "Step": "frameloom.client.job_events",
    "check_scene": "frameloom.client.scene_check",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: all of them take a third of a second."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
