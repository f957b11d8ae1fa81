"""Which job is meant: its id, or the first characters of one."""

from frameloom.model.errors import InvalidRequest
from frameloom.services.ports import Execution, Executions

# A prefix is looked for among so many of the newest jobs: one page of Step Functions'.
NEWEST = 1000
# Ids that a message names.
_NAMED = 5


def find_job(executions: Executions, name: str) -> Execution | None:
    """Return the job of this id, or the only one whose id begins like this; None where there is neither.

    Raises:
        InvalidRequest: several begin like this.
    """
    found = executions.describe(name)
    if found is not None or not name:
        return found
    ids = [job.job_id for job in executions.list(limit=NEWEST) if job.job_id.startswith(name)]
    if len(ids) > 1:
        more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
        raise InvalidRequest(field="JOB", problem=f"{name!r} may be {', '.join(ids[:_NAMED])}{more}: write more of it")
    return executions.describe(ids[0]) if ids else None


def known_job(executions: Executions, name: str) -> Execution:
    """Return the job that `find_job` finds.

    Raises:
        InvalidRequest: there is none, or several.
    """
    found = find_job(executions, name)
    if found is None:
        raise InvalidRequest(field="JOB", problem=f"the farm knows of no job {name!r}")
    return found
