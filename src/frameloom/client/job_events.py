"""Events that the client reports while it works for a job: steps with their progress, and notices."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from frameloom.model.notices import Notice


class Action(StrEnum):
    """The steps that the client takes, in their order; rendering itself is reported by `Job.follow`."""

    CONNECT = "connect"
    UPLOAD_ASSETS = "upload_assets"
    UPLOAD_SCENE = "upload_scene"
    DOWNLOAD_VIDEO = "download_video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The step that the client takes now; `done` and `total` count files, and are None where nothing is counted."""

    action: Action
    done: int | None = None
    total: int | None = None


Event = Step | Notice
# Receives events; any thread may call it.
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing with an event."""
    del event
