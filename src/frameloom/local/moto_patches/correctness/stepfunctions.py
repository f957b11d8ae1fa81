"""Errors, names, times and stops of executions, and all other patches of Step Functions.

Each patch has a test of its behaviour and a canary in tests/conformance/test_moto_stepfunctions*.py.
"""

import datetime as dt
import time
import uuid
from functools import cache
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions import responses
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import iteration_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branches_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.component.state.fail import state_fail
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.backend import execution

from frameloom.local.moto_patches.correctness import (
    stepfunctions_ends,
    stepfunctions_events,
    stepfunctions_maps,
    stepfunctions_tokens,
)
from frameloom.local.moto_patches.patch import replace
from frameloom.local.moto_patches.speed import stepfunctions_cost

# Timeout of StopExecution for an execution that is still starting, in seconds.
_START_UP = 10.0


@cache
def apply() -> None:
    """Patch moto's Step Functions in this process; a second call does nothing."""
    stepfunctions_ends.apply()
    stepfunctions_tokens.apply()
    stepfunctions_maps.apply()
    stepfunctions_cost.apply()
    for module in (iteration_worker, branches_decl, state_task_service_callback, state_fail):
        replace(module, "CustomErrorName", _keep_error_name)
    replace(models.StepFunctionsParserBackend, "start_execution", _start_with_name)
    replace(execution.Execution, "get_start_execution_details", _start_time_as_text)
    replace(execution.Execution, "stop", _stop_at_once)
    replace(responses.StepFunctionResponse, "stop_execution", _stop_with_cause)
    # Last: events must report the statuses that the patches above set.
    stepfunctions_events.apply()


def _keep_error_name(_original: Any) -> Any:
    """Keep an error's name.

    moto: an error named States.* that leaves a Map, a Parallel or a Fail state becomes States.Runtime, which no Retry
    or Catch expects.
    AWS: the name stays.
    """

    def named(error_name: str | None) -> ErrorName:
        if error_name is None or not error_name.startswith("States."):
            return CustomErrorName(error_name)
        if error_name == stepfunctions_tokens.MissedHeartbeat().error_name:
            return stepfunctions_tokens.MissedHeartbeat()
        try:
            return StatesErrorName.from_name(error_name)
        except ValueError:
            return ErrorName(error_name)

    return named


def _start_with_name(original: Any) -> Any:
    """Start an execution with a valid name.

    moto: an execution without a name is named None, so a second one cannot start. Every name is accepted.
    AWS: an execution without a name gets a generated one. A name with a space, for example, is refused.
    """

    def start_execution(
        self: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> Any:
        if name is not None:
            self._validate_name(name)
        return original(self, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)

    return start_execution


def _start_time_as_text(original: Any) -> Any:
    """Return an execution's start time as a string.

    moto: $$.Execution.StartTime is not JSON, and DescribeExecution fails if a state stores it.
    AWS: a string such as 2026-11-23T06:33:00.780Z.
    """

    def get_start_execution_details(self: Any) -> Any:
        details = original(self)
        start = self.start_date.astimezone(dt.UTC)
        details.start_time = start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return details

    return get_start_execution_details


def _stop_at_once(original: Any) -> Any:
    """Abort an execution at once.

    moto: StopExecution has no effect while a task runs or while the execution starts, and the execution ends as FAILED.
    AWS: the execution is ABORTED at once, with the error and cause of the call.
    """

    def stop(self: Any, stop_date: dt.datetime, error: str | None, cause: str | None) -> None:
        give_up = time.monotonic() + _START_UP
        # The execution's thread parses the definition first; until then the execution cannot be stopped.
        while not _has_begun(self.exec_worker) and time.monotonic() < give_up:
            time.sleep(0.01)
        original(self, stop_date=stop_date, error=error, cause=cause)
        if isinstance(self.exec_worker.env.program_state(), ProgramStopped):
            self.stop_date, self.error, self.cause = stop_date, error or None, cause or None
            self.exec_status = ExecutionStatus.ABORTED

    return stop


def _has_begun(worker: Any) -> bool:
    return worker.env is not None and worker.env.program_state() is not None


def _stop_with_cause(_original: Any) -> Any:
    """Store the error and cause of StopExecution.

    moto: both are dropped.
    AWS: DescribeExecution returns them.
    """

    def stop_execution(self: Any) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        now = dt.datetime.now(dt.UTC)
        if execution.stop_date is None:
            execution.stop(stop_date=now, error=self._get_param("error"), cause=self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date or now})

    return stop_execution
