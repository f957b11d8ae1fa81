"""What moto 5.2.5 lacks of Step Functions, mended in the process that serves it.

Each mend is one function whose docstring holds the fact it mends and what AWS does instead; each has a test of that
behaviour and a canary that fails once moto needs it no more (tests/conformance/test_moto_stepfunctions*.py).
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

# How long StopExecution waits for an execution that has only just been started, in seconds.
_START_UP = 10.0


@cache
def apply() -> None:
    """Mend moto's Step Functions in this process; a second call does nothing."""
    stepfunctions_ends.apply()
    stepfunctions_tokens.apply()
    stepfunctions_maps.apply()
    stepfunctions_cost.apply()
    for module in (iteration_worker, branches_decl, state_task_service_callback, state_fail):
        replace(module, "CustomErrorName", _errors_keep_their_names)
    replace(models.StepFunctionsParserBackend, "start_execution", _an_execution_has_a_name)
    replace(execution.Execution, "get_start_execution_details", _times_are_texts)
    replace(execution.Execution, "stop", _a_stop_that_stops)
    replace(responses.StepFunctionResponse, "stop_execution", _a_stop_with_its_cause)
    # Last: what is told is what the mends above have made of it.
    stepfunctions_events.apply()


def _errors_keep_their_names(_original: Any) -> Any:
    """Errors keep their names.

    Fact: an error named States.* that leaves a Map, a Parallel or a Fail state becomes States.Runtime, which no
    Retry or Catch expects.
    AWS: it stays what it is.
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


def _an_execution_has_a_name(original: Any) -> Any:
    """An execution has a name: the one that it is given, if that is one, or one that is made up.

    Fact: an execution that is started without a name is named None, so a second one cannot start; any name passes.
    AWS: a name is made up, and one with a blank, say, is refused.
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


def _times_are_texts(original: Any) -> Any:
    """An execution's start is a text.

    Fact: $$.Execution.StartTime is no JSON, and a state that keeps it breaks DescribeExecution.
    AWS: a text such as 2026-11-23T06:33:00.780Z.
    """

    def get_start_execution_details(self: Any) -> Any:
        details = original(self)
        start = self.start_date.astimezone(dt.UTC)
        details.start_time = start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return details

    return get_start_execution_details


def _a_stop_that_stops(original: Any) -> Any:
    """An execution that is stopped is over.

    Fact: StopExecution changes nothing while a task runs, nothing at all in an execution's first moments, and ends
    in FAILED.
    AWS: the execution is ABORTED at once, with the error and cause of who stopped it.
    """

    def stop(self: Any, stop_date: dt.datetime, error: str | None, cause: str | None) -> None:
        give_up = time.monotonic() + _START_UP
        # The definition is parsed first, in the execution's own thread; until then there is nothing to stop.
        while not _has_begun(self.exec_worker) and time.monotonic() < give_up:
            time.sleep(0.01)
        original(self, stop_date=stop_date, error=error, cause=cause)
        if isinstance(self.exec_worker.env.program_state(), ProgramStopped):
            self.stop_date, self.error, self.cause = stop_date, error or None, cause or None
            self.exec_status = ExecutionStatus.ABORTED

    return stop


def _has_begun(worker: Any) -> bool:
    return worker.env is not None and worker.env.program_state() is not None


def _a_stop_with_its_cause(_original: Any) -> Any:
    """An execution that is stopped shows why.

    Fact: StopExecution drops `error` and `cause`.
    AWS: DescribeExecution shows them.
    """

    def stop_execution(self: Any) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        now = dt.datetime.now(dt.UTC)
        if execution.stop_date is None:
            execution.stop(stop_date=now, error=self._get_param("error"), cause=self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date or now})

    return stop_execution
