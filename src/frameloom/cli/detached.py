"""Commands to follow, fetch and cancel a detached job."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frameloom.cli.output import tell_json
from frameloom.cli.terminal import say

if TYPE_CHECKING:
    from frameloom.model.notices import Notice


def commands(job_id: str, *, stack: str | None, out: Path) -> dict[str, str]:
    """Return the commands for a job, by action; they work in any folder."""
    where = [] if stack is None else ["--stack", stack]
    words = {
        "status": ["status", job_id, *where],
        "follow": ["logs", job_id, "--follow", *where],
        "fetch": ["fetch", job_id, "--out", str(out.absolute()), *where],
        "cancel": ["cancel", job_id, *where],
    }
    return {name: shlex.join(["frameloom", *each]) for name, each in words.items()}


def tell_started(
    job_id: str, afterwards: dict[str, str], *, notices: "Sequence[Notice]" = (), json: bool, quiet: bool
) -> None:
    """Print that a job was started, and the commands for it.

    Args:
        notices: the job's notices, which only JSON has: the display has shown them.
    """
    if json:
        document: dict[str, Any] = {"job_id": job_id, "status": "running", "commands": afterwards}
        tell_json(document | ({"notices": [notice.to_json() for notice in notices]} if notices else {}))
    elif quiet:
        say(job_id)
    else:
        say(f"Job {job_id} was started.", *(f"  {name:<7} {command}" for name, command in afterwards.items()))
