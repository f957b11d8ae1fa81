"""Executions stop, send events and have names as in Step Functions; each canary runs unpatched moto."""

from typing import Any

import pytest

from tests.conformance.moto_process import Moto, error_code, wait_until


def test_a_stopped_execution_is_aborted_at_once(patched: Moto) -> None:
    retry, catch = [{"ErrorEquals": ["States.ALL"]}], [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    task = patched.task(HeartbeatSeconds=30, Retry=retry, Catch=catch)
    execution = patched.start({"Task": task, "Caught": patched.task()})
    message, threads = patched.message(), patched.threads()
    stopped = patched.states.stop_execution(executionArn=execution, error="Canceled", cause="No longer needed.")
    now = patched.now(execution)
    assert (now["status"], now["error"], now["cause"]) == ("ABORTED", "Canceled", "No longer needed.")
    assert abs(now["stopDate"] - stopped["stopDate"]).total_seconds() < 1
    assert [patched.succeed(message), patched.fail(message, "Late"), patched.heartbeat(message)] == ["TaskTimedOut"] * 3
    assert wait_until(lambda: patched.threads() < threads, within=5)
    assert patched.message(within=0.5) == {}
    assert patched.now(execution)["status"] == "ABORTED"
    types = [event["type"] for event in patched.history(execution)]
    assert types[-2:] == ["TaskSubmitted", "ExecutionAborted"]


@pytest.mark.canary(
    "stepfunctions._stop_at_once",
    "stepfunctions._stop_with_cause",
    "stepfunctions_ends._end_once",
    "stepfunctions_ends._notify_waiting",
)
def test_canary_a_stopped_execution_runs_on(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task(HeartbeatSeconds=2, TimeoutSeconds=9)})
    message = plain.message()
    plain.states.stop_execution(executionArn=execution, error="Canceled", cause="No longer needed.")
    assert plain.now(execution)["status"] == "RUNNING"
    assert plain.heartbeat(message) == "OK"
    end = plain.end(execution)
    assert (end["status"], end.get("cause")) == ("FAILED", None)


def test_a_starting_execution_can_be_stopped(patched: Moto) -> None:
    execution = patched.start({"Task": patched.task()})
    patched.states.stop_execution(executionArn=execution)
    assert patched.now(execution)["status"] == "ABORTED"


@pytest.mark.canary("stepfunctions._stop_at_once")
def test_canary_a_starting_execution_cannot_be_stopped(plain: Moto) -> None:
    execution = plain.start({"Task": plain.task(TimeoutSeconds=30)})
    error_code(lambda: plain.states.stop_execution(executionArn=execution))
    assert plain.end(execution, within=0.5)["status"] != "ABORTED"


def events_of(moto: Moto, number: int) -> list[Any]:
    """Return this many events in the order of their stop dates."""
    events = [moto.message() for _ in range(number)]
    return sorted(events, key=lambda event: event["detail"]["stopDate"] or 0)


def test_a_stopped_execution_sends_an_event_with_its_cause(patched: Moto) -> None:
    execution = patched.start_observed({"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, {"file": "shot.blend"})
    patched.states.stop_execution(executionArn=execution, error="Canceled", cause="No longer needed.")
    started, stopped = events_of(patched, 2)
    assert (started["detail"]["status"], started["detail"]["stopDate"]) == ("RUNNING", None)
    assert stopped["source"] == "aws.states"
    assert stopped["detail-type"] == "Step Functions Execution Status Change"
    assert stopped["resources"] == [execution]
    now = patched.now(execution)
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
        "cause": "No longer needed.",
    }
    for name in ("startDate", "stopDate"):
        # The two round to milliseconds differently, and the execution ends a moment after it was stopped.
        assert abs(stopped["detail"][name] / 1000 - now[name].timestamp()) < 1
    assert patched.message(within=0.2) == {}


def test_an_execution_that_times_out_sends_one_event(patched: Moto) -> None:
    execution = patched.start_observed({"Wait": {"Type": "Wait", "Seconds": 60, "End": True}}, limit=1)
    _, ended = events_of(patched, 2)
    assert (ended["detail"]["status"], ended["detail"]["executionArn"]) == ("TIMED_OUT", execution)
    assert patched.now(execution)["status"] == "TIMED_OUT"
    assert patched.message(within=0.2) == {}


@pytest.mark.canary(
    "stepfunctions_events._send_start", "stepfunctions_events._send_stop", "stepfunctions_events._send_end"
)
def test_canary_executions_send_no_events(plain: Moto) -> None:
    plain.output(plain.start_observed({"Done": {"Type": "Succeed"}}))
    stopped = plain.start_observed({"Wait": {"Type": "Wait", "Seconds": 1, "End": True}})
    plain.states.stop_execution(executionArn=stopped)
    plain.end(stopped)
    assert plain.message(within=0.2) == {}


def test_a_name_identifies_one_execution(patched: Moto) -> None:
    arguments = {"stateMachineArn": patched.machine({"Task": patched.task()}), "name": "job"}
    first, again = (patched.states.start_execution(**arguments, input="{}")["executionArn"] for _ in range(2))
    assert first == again
    listed = patched.states.list_executions(stateMachineArn=arguments["stateMachineArn"])["executions"]
    assert [entry["name"] for entry in listed] == ["job"]
    assert (
        error_code(lambda: patched.states.start_execution(**arguments, input='{"other": 1}'))
        == "ExecutionAlreadyExists"
    )
    patched.succeed(patched.message())
    patched.end(first)
    assert error_code(lambda: patched.states.start_execution(**arguments, input="{}")) == "ExecutionAlreadyExists"


def test_an_execution_without_a_name_gets_one(patched: Moto) -> None:
    machine = patched.machine({"Pass": {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name"}, "End": True}})
    first, second = (patched.states.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2))
    assert first != second
    assert patched.output(first) == {"name": first.split(":")[-1]}


@pytest.mark.canary("stepfunctions._start_with_name")
def test_canary_an_execution_without_a_name_is_named_none_and_any_name_is_accepted(plain: Moto) -> None:
    machine = plain.machine({"Pass": {"Type": "Pass", "End": True}})
    assert plain.states.start_execution(stateMachineArn=machine)["executionArn"].endswith(":None")
    assert error_code(lambda: plain.states.start_execution(stateMachineArn=machine, name="a b")) == "OK"


def test_an_invalid_name_is_refused(patched: Moto) -> None:
    machine = patched.machine({"Pass": {"Type": "Pass", "End": True}})
    assert error_code(lambda: patched.states.start_execution(stateMachineArn=machine, name="a b")) == "InvalidName"


START_TIME = {"Pass": {"Type": "Pass", "Parameters": {"started.$": "$$.Execution.StartTime"}, "End": True}}


def test_the_start_time_is_a_string(patched: Moto) -> None:
    execution = patched.start(START_TIME)
    started = patched.output(execution)["started"]
    assert started.endswith("Z")
    assert len(started) == 24


@pytest.mark.canary("stepfunctions._start_time_as_text")
def test_canary_the_start_time_is_not_json(plain: Moto) -> None:
    execution = plain.start(START_TIME)
    wait_until(lambda: error_code(lambda: plain.now(execution)) != "OK", within=5)
    assert error_code(lambda: plain.now(execution)) == "500"


FAILS = {"Fail": {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "$.Cause"}}


@pytest.mark.parametrize("name", ["Broken", "States.Timeout", "States.ExceedToleratedFailureThreshold", "States.New"])
def test_an_execution_fails_with_the_error_of_its_fail_state(patched: Moto, name: str) -> None:
    end = patched.end(patched.start(FAILS, {"Error": name, "Cause": "It broke."}))
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", name, "It broke.")


@pytest.mark.canary("stepfunctions._keep_error_name")
def test_canary_an_error_named_states_gets_another_name(plain: Moto) -> None:
    assert plain.end(plain.start(FAILS, {"Error": "States.Timeout", "Cause": "Slow."}))["error"] == "States.Runtime"


def test_executions_are_listed_by_status(patched: Moto) -> None:
    states = {
        "Which": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.plan.count", "NumericGreaterThan": 0, "Next": "Task"}],
            "Default": "Fail",
        },
        "Task": patched.task(),
        "Fail": {"Type": "Fail", "Error": "Nothing", "Cause": "No frames to render."},
    }
    machine = patched.machine(states)

    def named(status: str) -> list[str]:
        found = patched.states.list_executions(stateMachineArn=machine, statusFilter=status)["executions"]
        return [entry["name"] for entry in found]

    for name, count in (("one", 1), ("none", 0)):
        patched.states.start_execution(stateMachineArn=machine, name=name, input=f'{{"plan": {{"count": {count}}}}}')
    message = patched.message()
    assert wait_until(lambda: named("FAILED") == ["none"], within=5)
    assert named("RUNNING") == ["one"]
    patched.succeed(message)
    assert wait_until(lambda: named("SUCCEEDED") == ["one"], within=5)
    assert named("RUNNING") == []
