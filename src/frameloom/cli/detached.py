"""Commands to follow, fetch and cancel a detached job."""

import shlex
from pathlib import Path

from frameloom.cli.output import tell_json
from frameloom.cli.terminal import say


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


def tell_started(job_id: str, afterwards: dict[str, str], *, json: bool, quiet: bool) -> None:
    """Print that a job was started, and the commands for it."""
    if json:
        tell_json({"job_id": job_id, "status": "running", "commands": afterwards})
    elif quiet:
        say(job_id)
    else:
        say(f"Job {job_id} was started.", *(f"  {name:<7} {command}" for name, command in afterwards.items()))
