"""Finds a job by its id or the first characters of its id."""

from frameloom.model.errors import InvalidRequest
from frameloom.services.storage.ports import Execution, Executions

# How many of the newest jobs a prefix is compared with: one page of Step Functions.
NEWEST = 1000
# How many ids a message lists.
_NAMED = 5


def find_job(executions: Executions, name: str) -> Execution | None:
    """Return the job with this id, or the only job whose id begins with `name`; None if neither exists.

    Raises:
        InvalidRequest: several ids begin with `name`.
    """
    found = executions.describe(name)
    if found is not None or not name:
        return found
    ids = [job.job_id for job in executions.list(limit=NEWEST) if job.job_id.startswith(name)]
    if len(ids) > 1:
        more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
        problem = f"{name!r} fits {', '.join(ids[:_NAMED])}{more}: type more characters"
        raise InvalidRequest(field="job", problem=problem)
    return executions.describe(ids[0]) if ids else None
