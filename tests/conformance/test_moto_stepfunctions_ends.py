"""Ended threads and abandoned tasks leave no trace in patched moto; each canary runs unpatched moto."""

import json
from types import SimpleNamespace

import pytest
from moto.stepfunctions.parser import models, utils
from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.common.path.result_path import ResultPath
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state

from frameloom.local.moto_patches.correctness import stepfunctions_ends
from tests.conformance.moto_process import wait_until

PASS = {"Type": "Pass", "End": True}


def threads_kept_by_one_execution() -> int:
    """Return the number of threads that moto keeps of an execution that ended in this process."""
    backend = models.StepFunctionsParserBackend("us-east-1", "123456789012")
    definition = json.dumps({"StartAt": "Pass", "States": {"Pass": PASS}})
    machine = backend.create_state_machine(name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/r")
    before = len(utils.TMP_THREADS)
    execution = backend.start_execution(machine.arn, name="e", execution_input="{}")
    assert wait_until(lambda: execution.status == "SUCCEEDED", within=20)
    return len(utils.TMP_THREADS) - before


def test_ended_threads_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    # One of the two modules that keep a thread for this execution.
    monkeypatch.setattr(program, "TMP_THREADS", stepfunctions_ends._forget_threads(utils.TMP_THREADS))
    assert threads_kept_by_one_execution() == 1


@pytest.mark.canary("stepfunctions_ends._forget_threads")
def test_canary_ended_threads_are_kept() -> None:
    assert threads_kept_by_one_execution() == 2


@pytest.mark.parametrize(
    ("is_patched", "expected"),
    [(True, 0), pytest.param(False, 1, marks=pytest.mark.canary("stepfunctions_ends._do_not_log_abandoned"))],
)
def test_an_abandoned_task_is_not_logged_as_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, is_patched: bool, expected: int
) -> None:
    if is_patched:
        quiet = stepfunctions_ends._do_not_log_abandoned(eval_component.EvalComponent._log_exception)
        monkeypatch.setattr(eval_component.EvalComponent, "_log_exception", quiet)
    ResultPath("$")._log_exception(exception=stepfunctions_ends.Abandoned())
    assert len(caplog.records) == expected
    ResultPath("$")._log_exception(exception=ValueError())
    assert len(caplog.records) == expected + 1


@pytest.mark.canary("stepfunctions_ends._do_not_retry_abandoned")
def test_canary_an_abandoned_task_is_a_failure_for_retry_and_catch() -> None:
    context = SimpleNamespace(source_event_id=1)
    state, env = None, SimpleNamespace(next_state_name="Task", event_history_context=context)
    event = execute_state.ExecutionState._from_error(state, env=env, ex=stepfunctions_ends.Abandoned())
    assert event.error_name.error_name == "States.Runtime"
