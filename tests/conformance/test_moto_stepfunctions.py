"""Task tokens and executions in moto: what the mends make of them, and canaries for the faults that they mend.

A canary runs moto as it is, and fails once moto no longer needs the mend.
"""

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
from tests.conformance.moto_process import Moto, said, wait_until

RETRY_ONCE = [{"ErrorEquals": ["Broken"], "IntervalSeconds": 1, "MaxAttempts": 1}]


# --- One token for each attempt


def test_each_attempt_has_a_token_of_its_own(mended: Moto) -> None:
    execution = mended.start({"Task": mended.task(Retry=RETRY_ONCE)})
    first = mended.message()
    assert mended.fail(first, "Broken") == "OK"
    second = mended.message()
    assert (first["attempt"], second["attempt"]) == (0, 1)
    assert first["token"] != second["token"]
    assert mended.succeed(first) == "TaskTimedOut"
    assert mended.succeed(second) == "OK"
    assert mended.output(execution) == {"done": True}


def test_canary_a_retry_reuses_the_token(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task(Retry=RETRY_ONCE)})
    first = plain.message()
    plain.fail(first, "Broken")
    assert plain.message()["token"] == first["token"]
    assert plain.end(execution)["error"] == "Broken"


# --- Clocks


def test_a_missed_heartbeat_has_its_own_name(mended: Moto) -> None:
    task = mended.task(HeartbeatSecondsPath="$.heartbeat", TimeoutSecondsPath="$.timeout")
    execution = mended.start({"Task": task}, {"heartbeat": 1, "timeout": 30})
    message = mended.message()
    assert mended.end(execution)["error"] == "States.HeartbeatTimeout"
    assert [mended.succeed(message), mended.fail(message, "Late"), mended.beat(message)] == ["TaskTimedOut"] * 3


def test_canary_a_missed_heartbeat_is_a_timeout(plain: Moto) -> None:
    assert plain.end(plain.start({"Task": plain.task(HeartbeatSeconds=1)}))["error"] == "States.Timeout"


@pytest.mark.parametrize("name", ["States.HeartbeatTimeout", "States.Timeout"])
def test_a_missed_heartbeat_can_be_caught_as_either(mended: Moto, name: str) -> None:
    task = mended.task(HeartbeatSeconds=1, Catch=[{"ErrorEquals": [name], "Next": "Caught"}])
    execution = mended.start({"Task": task, "Caught": {"Type": "Pass", "End": True}})
    assert mended.output(execution) == {"Error": "States.HeartbeatTimeout", "Cause": ""}


def test_heartbeats_keep_a_task_alive_until_its_time_is_up(mended: Moto) -> None:
    task = mended.task(HeartbeatSecondsPath="$.heartbeat", TimeoutSecondsPath="$.timeout")
    execution = mended.start({"Task": task}, {"heartbeat": 2, "timeout": 4})
    message, beats = mended.message(), 0
    while mended.beat(message) == "OK":
        beats += 1
        time.sleep(0.3)
    assert beats > 1
    assert mended.end(execution)["error"] == "States.Timeout"
    assert mended.succeed(message) == "TaskTimedOut"


def test_both_clocks_start_anew_with_each_attempt(mended: Moto) -> None:
    retry = [{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    task = mended.task(HeartbeatSecondsPath="$.heartbeat", TimeoutSecondsPath="$.timeout", Retry=retry)
    execution = mended.start({"Task": task}, {"heartbeat": 1, "timeout": 2})
    assert [mended.message()["attempt"], mended.message()["attempt"]] == [0, 1]
    assert mended.end(execution)["error"] == "States.HeartbeatTimeout"


def time_limit() -> Any:
    """Return the time-out, in seconds, of a task with a heartbeat and no time-out of its own."""
    definition = {"StartAt": "Task", "States": {"Task": {**Moto.TASK, "HeartbeatSeconds": 5, "End": True}}}
    program = AmazonStateLanguageParser.parse(json.dumps(definition))[0]
    return program.states.states["Task"].timeout.timeout_seconds


def test_a_heartbeat_sets_no_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    original = execute_state.ExecutionState.from_state_props
    mend = stepfunctions_tokens._no_timeout_means_none
    monkeypatch.setattr(execute_state.ExecutionState, "from_state_props", mend(original))
    assert time_limit() == 99_999_999


def test_canary_a_heartbeat_sets_a_time_limit() -> None:
    assert time_limit() == 60


# --- Answers


def test_a_task_is_answered_once(mended: Moto) -> None:
    execution = mended.start({"One": mended.task(Next="Two"), "Two": mended.task()})
    one = mended.message()
    assert mended.succeed(one) == "OK"
    two = mended.message()
    assert [mended.succeed(one), mended.fail(one, "Late"), mended.beat(one)] == ["TaskTimedOut"] * 3
    mended.succeed(two)
    mended.end(execution)
    assert [mended.succeed(two), mended.fail(two, "Late"), mended.beat(two)] == ["TaskTimedOut"] * 3


def test_canary_a_task_is_answered_twice(plain: Moto) -> None:
    execution = plain.start({"One": plain.task(Next="Two"), "Two": plain.task()})
    one = plain.message()
    plain.succeed(one)
    two = plain.message()
    assert plain.succeed(one) == "OK"
    plain.succeed(two)
    plain.end(execution)
    assert plain.succeed(two) == "InvalidToken"


def test_a_token_that_nobody_gave_out_is_invalid(mended: Moto) -> None:
    message = {"token": "invented"}
    assert [mended.succeed(message), mended.fail(message, "No"), mended.beat(message)] == ["InvalidToken"] * 3


def test_a_task_without_a_heartbeat_may_beat(mended: Moto) -> None:
    mended.start({"Task": mended.task()})
    message = mended.message()
    assert mended.beat(message) == "OK"
    assert mended.succeed(message) == "OK"


def test_canary_a_task_without_a_heartbeat_may_not_beat(plain: Moto) -> None:
    plain.start({"Task": plain.task(TimeoutSeconds=30)})
    assert plain.beat(plain.message()) == "InvalidToken"


def test_a_failure_keeps_its_cause(mended: Moto) -> None:
    execution = mended.start({"Task": mended.task()})
    mended.fail(mended.message(), "Broken", cause="The glass fell.")
    end = mended.end(execution)
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Broken", "The glass fell.")


def test_canary_a_failure_loses_its_cause(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task()})
    plain.fail(plain.message(), "Broken", cause="The glass fell.")
    assert "cause" not in plain.end(execution)


def caught(moto: Moto) -> Any:
    """Return what a Catch makes of a failure without a cause."""
    task = moto.task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}])
    execution = moto.start({"Task": task, "Caught": {"Type": "Pass", "End": True}})
    moto.fail(moto.message(), "Broken")
    return moto.output(execution)


def test_no_cause_is_an_empty_text(mended: Moto) -> None:
    assert caught(mended) == {"Error": "Broken", "Cause": ""}


def test_canary_no_cause_is_null(plain: Moto) -> None:
    assert caught(plain) == {"Error": "Broken", "Cause": None}


def test_an_answer_may_come_before_anybody_waits() -> None:
    token = Token()
    assert token.beat()
    assert token.answer("done")
    assert token.wait(heartbeat=0) == "done"
    assert not token.answer("again")
    assert not token.beat()


def test_canary_an_early_answer_is_overheard() -> None:
    endpoint = CallbackEndpoint(callback_id="token")
    endpoint.notify(CallbackOutcomeSuccess(callback_id="token", output="{}"))
    assert not endpoint.setup_heartbeat_endpoint(heartbeat_seconds=0).clear_and_wait()


def test_a_token_ends_with_its_attempt_or_without_a_beat() -> None:
    token = Token()
    threading.Timer(0.1, token.end).start()
    with pytest.raises(Abandoned):
        token.wait(heartbeat=30)
    with pytest.raises(HeartbeatTimeoutError):
        Token().wait(heartbeat=0)


# --- Stopped executions


def test_a_stopped_execution_is_over_at_once(mended: Moto) -> None:
    retry, catch = [{"ErrorEquals": ["States.ALL"]}], [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    task = mended.task(HeartbeatSeconds=30, Retry=retry, Catch=catch)
    execution = mended.start({"Task": task, "Caught": mended.task()})
    message, threads = mended.message(), mended.threads()
    stopped = mended.states.stop_execution(executionArn=execution, error="Canceled", cause="Not needed any more.")
    now = mended.now(execution)
    assert (now["status"], now["error"], now["cause"]) == ("ABORTED", "Canceled", "Not needed any more.")
    assert abs(now["stopDate"] - stopped["stopDate"]).total_seconds() < 1
    assert [mended.succeed(message), mended.fail(message, "Late"), mended.beat(message)] == ["TaskTimedOut"] * 3
    assert wait_until(lambda: mended.threads() < threads, within=5)
    assert mended.message(within=0.5) == {}
    assert mended.now(execution)["status"] == "ABORTED"
    types = [event["type"] for event in mended.history(execution)]
    assert types[-2:] == ["TaskSubmitted", "ExecutionAborted"]


def test_canary_a_stopped_execution_runs_on(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task(HeartbeatSeconds=2, TimeoutSeconds=9)})
    message = plain.message()
    plain.states.stop_execution(executionArn=execution, error="Canceled", cause="Not needed any more.")
    assert plain.now(execution)["status"] == "RUNNING"
    assert plain.beat(message) == "OK"
    end = plain.end(execution)
    assert (end["status"], end.get("cause")) == ("FAILED", None)


def test_an_execution_can_be_stopped_as_soon_as_it_is_started(mended: Moto) -> None:
    execution = mended.start({"Task": mended.task()})
    mended.states.stop_execution(executionArn=execution)
    assert mended.now(execution)["status"] == "ABORTED"


def test_canary_an_execution_cannot_be_stopped_as_soon_as_it_is_started(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task(TimeoutSeconds=30)})
    said(lambda: plain.states.stop_execution(executionArn=execution))
    assert plain.end(execution, within=0.5)["status"] != "ABORTED"


# --- What EventBridge hears


def heard(moto: Moto, number: int) -> list[Any]:
    """Return so many events, in the order in which they are told."""
    events = [moto.message() for _ in range(number)]
    return sorted(events, key=lambda event: event["detail"]["stopDate"] or 0)


def test_eventbridge_hears_of_an_execution_that_is_stopped_and_why(mended: Moto) -> None:
    execution = mended.start_heard({"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, {"file": "shot.blend"})
    mended.states.stop_execution(executionArn=execution, error="Canceled", cause="Not needed any more.")
    started, stopped = heard(mended, 2)
    assert (started["detail"]["status"], started["detail"]["stopDate"]) == ("RUNNING", None)
    assert stopped["source"] == "aws.states"
    assert stopped["detail-type"] == "Step Functions Execution Status Change"
    assert stopped["resources"] == [execution]
    now = mended.now(execution)
    assert stopped["detail"] == {
        "executionArn": execution,
        "stateMachineArn": now["stateMachineArn"],
        "name": now["name"],
        "status": "ABORTED",
        "startDate": started["detail"]["startDate"],
        "stopDate": stopped["detail"]["stopDate"],
        "input": '{"file": "shot.blend"}',
        "output": None,
        "inputDetails": {"included": True},
        "outputDetails": None,
        "error": "Canceled",
        "cause": "Not needed any more.",
    }
    for name in ("startDate", "stopDate"):
        # Milliseconds, which the two round differently; the emulator's execution ends a moment after it was stopped.
        assert abs(stopped["detail"][name] / 1000 - now[name].timestamp()) < 1
    assert mended.message(within=0.2) == {}


def test_eventbridge_hears_of_an_execution_that_times_out_once(mended: Moto) -> None:
    execution = mended.start_heard({"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, limit=1)
    _, ended = heard(mended, 2)
    assert (ended["detail"]["status"], ended["detail"]["executionArn"]) == ("TIMED_OUT", execution)
    assert mended.now(execution)["status"] == "TIMED_OUT"
    assert mended.message(within=0.2) == {}


def test_canary_eventbridge_hears_nothing_of_executions(plain: Moto) -> None:
    plain.output(plain.start_heard({"Done": {"Type": "Succeed"}}))
    assert plain.message(within=0.2) == {}


# --- Names, times and errors of executions


def test_a_name_is_one_execution(mended: Moto) -> None:
    arguments = {"stateMachineArn": mended.machine({"Task": mended.task()}), "name": "job"}
    first, again = (mended.states.start_execution(**arguments, input="{}")["executionArn"] for _ in range(2))
    assert first == again
    listed = mended.states.list_executions(stateMachineArn=arguments["stateMachineArn"])["executions"]
    assert [entry["name"] for entry in listed] == ["job"]
    assert said(lambda: mended.states.start_execution(**arguments, input='{"other": 1}')) == "ExecutionAlreadyExists"
    mended.succeed(mended.message())
    mended.end(first)
    assert said(lambda: mended.states.start_execution(**arguments, input="{}")) == "ExecutionAlreadyExists"


def test_a_name_is_made_up_where_none_is_given(mended: Moto) -> None:
    machine = mended.machine({"Pass": {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name"}, "End": True}})
    first, second = (mended.states.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2))
    assert first != second
    assert mended.output(first) == {"name": first.split(":")[-1]}


def test_canary_an_execution_without_a_name(plain: Moto) -> None:
    machine = plain.machine({"Pass": {"Type": "Pass", "End": True}})
    assert plain.states.start_execution(stateMachineArn=machine)["executionArn"].endswith(":None")


def test_bad_names_are_refused(mended: Moto) -> None:
    machine = mended.machine({"Pass": {"Type": "Pass", "End": True}})
    assert said(lambda: mended.states.start_execution(stateMachineArn=machine, name="a b")) == "InvalidName"


START_TIME = {"Pass": {"Type": "Pass", "Parameters": {"started.$": "$$.Execution.StartTime"}, "End": True}}


def test_the_start_time_is_a_text(mended: Moto) -> None:
    execution = mended.start(START_TIME)
    started = mended.output(execution)["started"]
    assert started.endswith("Z")
    assert (
        started[:23] == mended.now(execution)["startDate"].astimezone(tz=None).astimezone().isoformat()
        or len(started) == 24
    )


def test_canary_the_start_time_is_no_json(plain: Moto) -> None:
    execution = plain.start(START_TIME)
    wait_until(lambda: said(lambda: plain.now(execution)) != "OK", within=5)
    assert said(lambda: plain.now(execution)) == "500"


FAILS = {"Fail": {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "$.Cause"}}


@pytest.mark.parametrize("name", ["Broken", "States.Timeout", "States.ExceedToleratedFailureThreshold", "States.New"])
def test_an_execution_fails_with_the_error_that_it_was_given(mended: Moto, name: str) -> None:
    end = mended.end(mended.start(FAILS, {"Error": name, "Cause": "It broke."}))
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", name, "It broke.")


def test_canary_an_error_of_the_states_language_loses_its_name(plain: Moto) -> None:
    assert plain.end(plain.start(FAILS, {"Error": "States.Timeout", "Cause": "Slow."}))["error"] == "States.Runtime"


def test_executions_are_listed_by_status(mended: Moto) -> None:
    states = {
        "Which": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.plan.count", "NumericGreaterThan": 0, "Next": "Task"}],
            "Default": "Fail",
        },
        "Task": mended.task(),
        "Fail": {"Type": "Fail", "Error": "Nothing", "Cause": "There is nothing to do."},
    }
    machine = mended.machine(states)

    def named(status: str) -> list[str]:
        found = mended.states.list_executions(stateMachineArn=machine, statusFilter=status)["executions"]
        return [entry["name"] for entry in found]

    for name, count in (("one", 1), ("none", 0)):
        mended.states.start_execution(stateMachineArn=machine, name=name, input=f'{{"plan": {{"count": {count}}}}}')
    message = mended.message()
    assert wait_until(lambda: named("FAILED") == ["none"], within=5)
    assert named("RUNNING") == ["one"]
    mended.succeed(message)
    assert wait_until(lambda: named("SUCCEEDED") == ["one"], within=5)
    assert named("RUNNING") == []
