"""Jobs as executions in Step Functions, and task tokens, which workers answer."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from frameloom.aws.clients import client
from frameloom.model.job_status import of_execution
from frameloom.services.storage.ports import Execution, UnknownToken

# The longest error name and cause that Step Functions accepts, in characters.
MAX_ERROR, MAX_CAUSE = 256, 32_768
LONGEST_PAGE = 1000
_NO_MACHINE = frozenset({"StateMachineDoesNotExist", "StateMachineDeleting"})


class JobExecutions:
    """The executions of one state machine; see `frameloom.services.storage.ports.Executions`."""

    def __init__(self, machine: str, states: Any = None) -> None:
        self._machine = machine
        self._states = client("stepfunctions") if states is None else states

    def start(self, job_id: str, request: Mapping[str, Any]) -> bool:
        """Start a job; return False if a job with this id was started before."""
        # StartExecution succeeds again while a job runs, and fails once it has ended.
        if self.describe(job_id) is not None:
            return False
        try:
            self._states.start_execution(stateMachineArn=self._machine, name=job_id, input=json.dumps(request))
        except self._states.exceptions.ExecutionAlreadyExists:
            return False
        return True

    def describe(self, job_id: str) -> Execution | None:
        """Return a job; None if no job has this id."""
        try:
            found = self._states.describe_execution(executionArn=self._arn(job_id))
        except (self._states.exceptions.ExecutionDoesNotExist, self._states.exceptions.InvalidArn):
            # White space and brackets make the ARN invalid; no job id has them.
            return None
        return _execution(found)

    def stop(self, job_id: str, *, reason: str) -> None:
        """Cancel a job; a job that has ended stays unchanged.

        Raises:
            LookupError: no job has this id.
        """
        try:
            self._states.stop_execution(executionArn=self._arn(job_id), error="Canceled", cause=reason[:MAX_CAUSE])
        except self._states.exceptions.ExecutionDoesNotExist as error:
            raise LookupError(f"there is no job {job_id!r}") from error

    def list(self, *, limit: int) -> list[Execution]:
        """Return the newest jobs first, without their input and output."""
        pages = self._states.get_paginator("list_executions").paginate(
            stateMachineArn=self._machine,
            PaginationConfig={"MaxItems": limit, "PageSize": max(1, min(limit, LONGEST_PAGE))},
        )
        return [_execution(execution) for page in pages for execution in page["executions"]]

    def running(self) -> Iterator[str]:
        """Yield the ids of all running jobs, the newest first; nothing if the state machine was deleted."""
        pages = self._states.get_paginator("list_executions")
        try:
            for page in pages.paginate(stateMachineArn=self._machine, statusFilter="RUNNING"):
                yield from (execution["name"] for execution in page["executions"])
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_MACHINE:
                raise

    def _arn(self, job_id: str) -> str:
        return f"{self._machine.replace(':stateMachine:', ':execution:')}:{job_id}"


def _execution(found: Mapping[str, Any]) -> Execution:
    ended = found.get("stopDate")
    return Execution(
        job_id=found["name"],
        status=of_execution(found["status"]),
        started=found["startDate"].isoformat(),
        ended=None if ended is None else ended.isoformat(),
        input=_loaded(found.get("input")),
        output=_loaded(found.get("output")),
        error=found.get("error"),
        cause=found.get("cause"),
    )


def _loaded(text: str | None) -> Any:
    return None if text is None else json.loads(text)


class TaskTokens:
    """The answers to task tokens; each returns False where the task has ended.

    A task has ended when its job was canceled, it timed out, or another worker answered first: Step Functions returns
    TaskTimedOut or TaskDoesNotExist. InvalidToken is not final, and is raised as UnknownToken: the token is damaged, or
    Step Functions has not registered it yet.
    """

    def __init__(self, states: Any = None) -> None:
        self._states = client("stepfunctions") if states is None else states
        known = self._states.exceptions
        self._dead, self._unknown = (known.TaskTimedOut, known.TaskDoesNotExist), known.InvalidToken

    def beat(self, token: str) -> bool:
        """Send a heartbeat."""
        return self._answer("send_task_heartbeat", taskToken=token)

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """End a task as succeeded."""
        return self._answer("send_task_success", taskToken=token, output=json.dumps(output))

    def fail(self, token: str, *, error: str, cause: str) -> bool:
        """End a task as failed."""
        return self._answer("send_task_failure", taskToken=token, error=error[:MAX_ERROR], cause=cause[:MAX_CAUSE])

    def _answer(self, verb: str, **arguments: Any) -> bool:
        try:
            getattr(self._states, verb)(**arguments)
        except self._dead:
            return False
        except self._unknown as error:
            raise UnknownToken(str(error)) from None
        return True
