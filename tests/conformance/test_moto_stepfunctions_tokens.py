"""Task tokens behave as in Step Functions; each canary runs unpatched moto."""

import json
import threading
import time
from typing import Any

import pytest
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackEndpoint,
    CallbackOutcomeSuccess,
    HeartbeatTimeoutError,
)
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from frameloom.local.moto_patches.correctness import stepfunctions_tokens
from frameloom.local.moto_patches.correctness.stepfunctions_ends import Abandoned
from frameloom.local.moto_patches.correctness.stepfunctions_tokens import Token
from tests.conformance.moto_process import Moto

RETRY_ONCE = [{"ErrorEquals": ["Broken"], "IntervalSeconds": 1, "MaxAttempts": 1}]


def test_each_attempt_has_its_own_token(patched: Moto) -> None:
    execution = patched.start({"Task": patched.task(Retry=RETRY_ONCE)})
    first = patched.message()
    assert patched.fail(first, "Broken") == "OK"
    second = patched.message()
    assert (first["attempt"], second["attempt"]) == (0, 1)
    assert first["token"] != second["token"]
    assert patched.succeed(first) == "TaskTimedOut"
    assert patched.succeed(second) == "OK"
    assert patched.output(execution) == {"done": True}


@pytest.mark.canary("stepfunctions_tokens._create_token_per_attempt")
def test_canary_a_retry_reuses_the_token(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task(Retry=RETRY_ONCE)})
    first = plain.message()
    plain.fail(first, "Broken")
    assert plain.message()["token"] == first["token"]
    assert plain.end(execution)["error"] == "Broken"


def test_a_missed_heartbeat_has_its_own_error_name(patched: Moto) -> None:
    task = patched.task(HeartbeatSecondsPath="$.heartbeat", TimeoutSecondsPath="$.timeout")
    execution = patched.start({"Task": task}, {"heartbeat": 1, "timeout": 30})
    message = patched.message()
    assert patched.end(execution)["error"] == "States.HeartbeatTimeout"
    assert [patched.succeed(message), patched.fail(message, "Late"), patched.heartbeat(message)] == ["TaskTimedOut"] * 3


@pytest.mark.canary("stepfunctions_tokens._name_missed_heartbeat")
def test_canary_a_missed_heartbeat_is_a_timeout(plain: Moto) -> None:
    assert plain.end(plain.start({"Task": plain.task(HeartbeatSeconds=1)}))["error"] == "States.Timeout"


@pytest.mark.parametrize("name", ["States.HeartbeatTimeout", "States.Timeout"])
def test_a_missed_heartbeat_can_be_caught_as_either(patched: Moto, name: str) -> None:
    task = patched.task(HeartbeatSeconds=1, Catch=[{"ErrorEquals": [name], "Next": "Caught"}])
    execution = patched.start({"Task": task, "Caught": {"Type": "Pass", "End": True}})
    assert patched.output(execution) == {"Error": "States.HeartbeatTimeout", "Cause": ""}


def test_heartbeats_keep_a_task_running_until_its_timeout(patched: Moto) -> None:
    task = patched.task(HeartbeatSecondsPath="$.heartbeat", TimeoutSecondsPath="$.timeout")
    execution = patched.start({"Task": task}, {"heartbeat": 2, "timeout": 4})
    message, heartbeats = patched.message(), 0
    while patched.heartbeat(message) == "OK":
        heartbeats += 1
        time.sleep(0.3)
    assert heartbeats > 1
    assert patched.end(execution)["error"] == "States.Timeout"
    assert patched.succeed(message) == "TaskTimedOut"


def test_both_timeouts_restart_with_each_attempt(patched: Moto) -> None:
    retry = [{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    task = patched.task(HeartbeatSecondsPath="$.heartbeat", TimeoutSecondsPath="$.timeout", Retry=retry)
    execution = patched.start({"Task": task}, {"heartbeat": 1, "timeout": 2})
    assert [patched.message()["attempt"], patched.message()["attempt"]] == [0, 1]
    assert patched.end(execution)["error"] == "States.HeartbeatTimeout"


def default_timeout() -> Any:
    """Return the timeout, in seconds, of a task that has only a heartbeat."""
    definition = {"StartAt": "Task", "States": {"Task": {**Moto.TASK, "HeartbeatSeconds": 5, "End": True}}}
    program = AmazonStateLanguageParser.parse(json.dumps(definition))[0]
    return program.states.states["Task"].timeout.timeout_seconds


def test_a_heartbeat_sets_no_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    original = execute_state.ExecutionState.from_state_props
    patch = stepfunctions_tokens._no_default_timeout
    monkeypatch.setattr(execute_state.ExecutionState, "from_state_props", patch(original))
    assert default_timeout() == 99_999_999


@pytest.mark.canary("stepfunctions_tokens._no_default_timeout")
def test_canary_a_heartbeat_sets_a_timeout() -> None:
    assert default_timeout() == 60


def test_a_task_is_answered_once(patched: Moto) -> None:
    execution = patched.start({"One": patched.task(Next="Two"), "Two": patched.task()})
    one = patched.message()
    assert patched.succeed(one) == "OK"
    two = patched.message()
    assert [patched.succeed(one), patched.fail(one, "Late"), patched.heartbeat(one)] == ["TaskTimedOut"] * 3
    patched.succeed(two)
    patched.end(execution)
    assert [patched.succeed(two), patched.fail(two, "Late"), patched.heartbeat(two)] == ["TaskTimedOut"] * 3


@pytest.mark.canary("stepfunctions_tokens._succeed_once", "stepfunctions_tokens._fail_once")
def test_canary_a_task_is_answered_twice(plain: Moto) -> None:
    execution = plain.start({"One": plain.task(Next="Two"), "Two": plain.task()})
    one = plain.message()
    plain.succeed(one)
    two = plain.message()
    assert [plain.succeed(one), plain.fail(one, "Late")] == ["OK"] * 2
    plain.succeed(two)
    plain.end(execution)
    assert plain.succeed(two) == "InvalidToken"


def test_an_unknown_token_is_invalid(patched: Moto) -> None:
    message = {"token": "invented"}
    assert [patched.succeed(message), patched.fail(message, "No"), patched.heartbeat(message)] == ["InvalidToken"] * 3


def test_a_task_without_a_heartbeat_accepts_heartbeats(patched: Moto) -> None:
    patched.start({"Task": patched.task()})
    message = patched.message()
    assert patched.heartbeat(message) == "OK"
    assert patched.succeed(message) == "OK"


@pytest.mark.canary("stepfunctions_tokens._accept_heartbeat_of_open_task")
def test_canary_a_task_without_a_heartbeat_refuses_heartbeats(plain: Moto) -> None:
    plain.start({"Task": plain.task(TimeoutSeconds=30)})
    assert plain.heartbeat(plain.message()) == "InvalidToken"


def test_a_failure_keeps_its_cause(patched: Moto) -> None:
    execution = patched.start({"Task": patched.task()})
    patched.fail(patched.message(), "Broken", cause="Out of glass.")
    end = patched.end(execution)
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Broken", "Out of glass.")


@pytest.mark.canary("stepfunctions_tokens._fail_with_cause")
def test_canary_a_failure_loses_its_cause(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task()})
    plain.fail(plain.message(), "Broken", cause="Out of glass.")
    assert "cause" not in plain.end(execution)


def caught(moto: Moto) -> Any:
    """Return the output of a Catch for a failure without a cause."""
    task = moto.task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}])
    execution = moto.start({"Task": task, "Caught": {"Type": "Pass", "End": True}})
    moto.fail(moto.message(), "Broken")
    return moto.output(execution)


def test_a_failure_without_a_cause_has_an_empty_one(patched: Moto) -> None:
    assert caught(patched) == {"Error": "Broken", "Cause": ""}


@pytest.mark.canary("stepfunctions_tokens._empty_string_for_no_cause")
def test_canary_a_failure_without_a_cause_has_null(plain: Moto) -> None:
    assert caught(plain) == {"Error": "Broken", "Cause": None}


def test_an_answer_may_come_before_the_wait() -> None:
    token = Token()
    assert token.heartbeat()
    assert token.answer("done")
    assert token.wait(heartbeat=0) == "done"
    assert not token.answer("again")
    assert not token.heartbeat()


@pytest.mark.canary("stepfunctions_tokens._wait_until_over")
def test_canary_an_answer_before_the_wait_is_lost() -> None:
    endpoint = CallbackEndpoint(callback_id="token")
    endpoint.notify(CallbackOutcomeSuccess(callback_id="token", output="{}"))
    assert not endpoint.setup_heartbeat_endpoint(heartbeat_seconds=0).clear_and_wait()


def test_a_token_ends_with_its_attempt_or_after_a_missed_heartbeat() -> None:
    token = Token()
    threading.Timer(0.1, token.end).start()
    with pytest.raises(Abandoned):
        token.wait(heartbeat=30)
    with pytest.raises(HeartbeatTimeoutError):
        Token().wait(heartbeat=0)
