"""Maps behave as in Step Functions; each canary runs unpatched moto."""

import time
import uuid
from functools import partial
from typing import Any

import pytest

from tests.conformance.moto_process import Moto, error_code, wait_until

EXCEEDED = "States.ExceedToleratedFailureThreshold"


PASS = {"Type": "Pass", "End": True}


CAUGHT = {"Caught": PASS}


def run_of(moto: Moto, execution: str) -> dict[str, Any]:
    """Return DescribeMapRun of the distributed Map of an execution, which may still be starting."""

    def started() -> list[str]:
        details = [event.get("mapRunStartedEventDetails") for event in moto.history(execution)]
        return [found["mapRunArn"] for found in details if found]

    assert wait_until(lambda: started() != [], within=10)
    return dict(moto.states.describe_map_run(mapRunArn=started()[0]))


def test_a_map_has_the_features_that_a_chunk_s_state_uses(patched: Moto) -> None:
    message = {"value.$": "$.value", "job_id.$": "$.job_id"}
    item = patched.task(message, HeartbeatSecondsPath="$.limits.heartbeat", TimeoutSecondsPath="$.limits.timeout")
    execution = patched.start_many(item, items=5, workers=2)
    name = execution.split(":")[-1]
    values = []
    for _ in range(5):
        assert run_of(patched, execution)["itemCounts"]["running"] <= 2
        sent = patched.message()
        assert (sent["job_id"], sent["attempt"]) == (name, 0)
        values.append(sent["value"])
        assert patched.succeed(sent) == "OK"
    assert sorted(values) == [0, 1, 2, 3, 4]
    assert patched.output(execution)["limits"]["workers"] == 2
    run = run_of(patched, execution)
    assert (run["maxConcurrency"], run["itemCounts"]["succeeded"], run["status"]) == (2, 5, "SUCCEEDED")
    assert "/Items:" in run["mapRunArn"]
    (manifest,) = patched.written(f"jobs/{name}/map/")
    assert manifest.endswith("/manifest.json")


def test_retries_wait_at_most_their_limit(patched: Moto) -> None:
    capped = {
        "ErrorEquals": ["Broken"],
        "IntervalSeconds": 1,
        "BackoffRate": 20,
        "MaxDelaySeconds": 1,
        "MaxAttempts": 2,
    }
    jittered = {"ErrorEquals": ["Bent"], "IntervalSeconds": 1, "MaxAttempts": 1, "JitterStrategy": "FULL"}
    execution = patched.start({"Task": patched.task(Retry=[capped, jittered])})
    for attempt, error in enumerate(["Broken", "Broken", "Bent"]):
        message = patched.message()
        assert message["attempt"] == attempt
        patched.fail(message, error)
    assert patched.succeed(patched.message()) == "OK"
    assert patched.output(execution) == {"done": True}


def test_a_failed_child_fails_a_distributed_map_and_stops_its_other_items(patched: Moto) -> None:
    execution = patched.start_many(patched.task(HeartbeatSeconds=30), items=4, workers=2)
    one, other = patched.message(), patched.message()
    assert patched.fail(one, "Broken", cause="It broke.") == "OK"
    end = patched.end(execution)
    assert (end["error"], end["cause"]) == (EXCEEDED, "The specified tolerated failure threshold was exceeded")
    assert wait_until(lambda: patched.heartbeat(other) == "TaskTimedOut", within=5)
    assert patched.message(within=0.5) == {}
    assert wait_until(lambda: run_of(patched, execution)["itemCounts"]["aborted"] == 1, within=5)
    run = run_of(patched, execution)
    assert (run["status"], run["itemCounts"]["failed"], run["executionCounts"]["running"]) == ("FAILED", 1, 0)


@pytest.mark.canary("stepfunctions_maps._fail_with_child")
def test_canary_a_failed_child_does_not_fail_its_map(plain: Moto) -> None:
    execution = plain.start_many(plain.task(HeartbeatSeconds=30), items=2, workers=2)
    one, other = plain.message(), plain.message()
    plain.fail(one, "Broken")
    assert plain.heartbeat(other) == "OK"
    assert plain.succeed(other) == "OK"
    assert plain.end(execution)["status"] == "SUCCEEDED"
    assert run_of(plain, execution)["executionCounts"]["running"] == 1


def test_a_failed_distributed_map_is_retried_and_caught(patched: Moto) -> None:
    retry = [{"ErrorEquals": [EXCEEDED], "IntervalSeconds": 1, "MaxAttempts": 1}]
    catch = [{"ErrorEquals": [EXCEEDED], "Next": "Caught"}]
    item = patched.task({"value.$": "$.value"})
    execution = patched.start_many(item, items=1, workers=1, after=CAUGHT, Retry=retry, Catch=catch)
    assert patched.fail(patched.message(), "Broken") == "OK"
    assert patched.fail(patched.message(), "Broken") == "OK"
    assert patched.output(execution)["Error"] == EXCEEDED


def test_an_error_that_a_child_catches_does_not_fail_the_map(patched: Moto) -> None:
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout", "Broken"], "Next": "Recorded"}]
    task = patched.task(HeartbeatSeconds=1, Catch=catch)
    many = patched.many(task)
    many["ItemProcessor"]["States"]["Recorded"] = PASS
    execution = patched.start({"Many": many}, {"items": [1, 2], "limits": {"workers": 2}})
    patched.fail(patched.message(), "Broken", cause="It broke.")
    results = patched.output(execution)
    assert sorted(result["Error"] for result in results) == ["Broken", "States.HeartbeatTimeout"]


@pytest.mark.parametrize(("tolerated", "failing", "error"), [(2, 2, None), (1, 2, EXCEEDED)])
def test_a_distributed_map_tolerates_a_number_of_failures(
    patched: Moto, tolerated: int, failing: int, error: str | None
) -> None:
    many = patched.many(patched.task(), ToleratedFailureCountPath="$.limits.tolerated")
    execution = patched.start({"Many": many}, {"items": [1, 2, 3], "limits": {"workers": 1, "tolerated": tolerated}})
    for answered in range(failing):
        assert patched.now(execution)["status"] == "RUNNING", answered
        patched.fail(patched.message(), "Broken")
    if failing == tolerated:
        patched.succeed(patched.message())
    assert patched.end(execution).get("error") == error


def test_a_failed_item_fails_an_inline_map_and_stops_its_other_items(patched: Moto) -> None:
    catch = [{"ErrorEquals": ["Broken"], "Next": "After"}]
    execution = patched.start(
        {"Few": patched.few(patched.task(), Catch=catch), "After": patched.task()}, {"items": [1, 2]}
    )
    one, other = patched.message(), patched.message()
    patched.fail(one, "Broken", cause="It broke.")
    after = patched.message()
    assert patched.heartbeat(other) == "TaskTimedOut"
    assert patched.succeed(after) == "OK"
    assert patched.output(execution) == {"done": True}


@pytest.mark.canary("stepfunctions_maps._stop_items_on_failure")
def test_canary_the_other_items_of_a_failed_inline_map_run_on(plain: Moto) -> None:
    catch = [{"ErrorEquals": ["Broken"], "Next": "After"}]
    item = plain.task(HeartbeatSeconds=30)
    plain.start({"Few": plain.few(item, Catch=catch), "After": plain.task(TimeoutSeconds=30)}, {"items": [1, 2]})
    one, other = plain.message(), plain.message()
    plain.fail(one, "Broken")
    assert plain.message()
    assert plain.heartbeat(other) == "OK"


@pytest.mark.parametrize(
    ("clock", "error"),
    [("TimeoutSeconds", "States.Timeout"), ("HeartbeatSeconds", "States.HeartbeatTimeout")],
)
def test_an_error_named_states_leaves_a_map_with_its_name(patched: Moto, clock: str, error: str) -> None:
    item = {**patched.task(), clock: 1}
    few = patched.few(item, Catch=[{"ErrorEquals": [error], "Next": "Caught"}])
    assert patched.output(patched.start({"Few": few, **CAUGHT}, {"items": [1, 2]}))["Error"] == error


@pytest.mark.canary("stepfunctions._keep_error_name")
def test_canary_an_error_named_states_leaves_a_map_with_another_name(plain: Moto) -> None:
    execution = plain.start({"Few": plain.few(plain.task(TimeoutSeconds=1))}, {"items": [1]})
    assert plain.end(execution)["error"] == "States.Runtime"


def test_a_stopped_map_ends_its_items_and_threads(patched: Moto) -> None:
    threads = patched.threads()
    execution = patched.start_many(patched.task(HeartbeatSeconds=30), items=30, workers=10)
    messages = [patched.message() for _ in range(10)]
    assert patched.threads() > threads + 10
    patched.states.stop_execution(executionArn=execution)
    assert patched.now(execution)["status"] == "ABORTED"
    assert {patched.heartbeat(message) for message in messages} == {"TaskTimedOut"}
    assert wait_until(lambda: patched.threads() <= threads + 2, within=10)
    assert patched.message(within=0.5) == {}
    run = run_of(patched, execution)
    assert (run["status"], run["itemCounts"]["aborted"], run["executionCounts"]["running"]) == ("ABORTED", 10, 0)
    assert patched.history(execution)[-1]["type"] == "ExecutionAborted"


@pytest.mark.canary("stepfunctions_maps._abort_stopped_map_run", "stepfunctions_ends._notify_waiting")
def test_canary_a_stopped_map_runs_on(plain: Moto) -> None:
    execution = plain.start_many(plain.task(HeartbeatSeconds=1), items=2, workers=1)
    message = plain.message()
    plain.states.stop_execution(executionArn=execution)
    assert plain.heartbeat(message) == "OK"
    plain.end(execution)
    assert run_of(plain, execution)["status"] == "SUCCEEDED"


def test_map_runs_can_be_listed_and_described_while_an_execution_starts(patched: Moto) -> None:
    states = {"Few": patched.few(PASS)} | {f"Pass{number}": PASS for number in range(40)}
    run = run_of(patched, patched.start_many(PASS, items=1, workers=1))["mapRunArn"]
    for _ in range(5):
        execution = patched.start(states, {"items": [1]})
        assert patched.states.list_map_runs(executionArn=execution)["mapRuns"] == []
        assert patched.states.describe_map_run(mapRunArn=run)["mapRunArn"] == run


@pytest.mark.alone  # It waits for a race, which is rare beside other tests.
@pytest.mark.canary(
    "stepfunctions_maps._list_no_map_runs_at_first",
    "stepfunctions_maps._skip_starting_executions",
)
def test_canary_map_runs_can_be_neither_listed_nor_described_while_an_execution_starts(plain: Moto) -> None:
    # So many states that parsing them takes far longer than a call. Executions are searched in the order of machines.
    slow = plain.machine({"Few": plain.few(PASS)} | {f"Pass{number}": PASS for number in range(400)})
    run = run_of(plain, plain.start_many(PASS, items=1, workers=1))["mapRunArn"]
    failed: set[str] = set()

    def all_failed() -> bool:
        started = plain.states.start_execution(stateMachineArn=slow, name=uuid.uuid4().hex, input='{"items": [1]}')
        calls = {
            "list": partial(plain.states.list_map_runs, executionArn=started["executionArn"]),
            "describe": partial(plain.states.describe_map_run, mapRunArn=run),
        }
        failed.update(name for name, call in calls.items() if error_code(call) == "500")
        return len(failed) == len(calls)

    assert wait_until(all_failed, within=40), failed


@pytest.mark.parametrize("workers", [1, 0])
def test_a_worker_takes_1500_items(patched: Moto, workers: int) -> None:
    execution = patched.start_many(PASS, items=1500, workers=workers)
    patched.output(execution)
    assert run_of(patched, execution)["itemCounts"]["succeeded"] == 1500


def test_an_inline_worker_takes_1500_items(patched: Moto) -> None:
    few = patched.few(PASS, MaxConcurrency=1)
    assert patched.output(patched.start({"Few": few}, {"items": list(range(1500))})) == list(range(1500))


@pytest.mark.canary("stepfunctions_maps._take_items_in_a_loop")
def test_canary_a_worker_exceeds_the_recursion_limit(plain: Moto) -> None:
    execution = plain.start_many(PASS, items=1500, workers=1)
    assert wait_until(lambda: run_of(plain, execution)["itemCounts"]["failed"] > 0, within=60)
    assert plain.now(execution)["status"] == "RUNNING"


def test_a_hundred_items_wait_for_their_answers_at_once(patched: Moto) -> None:
    execution = patched.start_many(patched.task(), items=100, workers=1000)
    messages = [patched.message() for _ in range(100)]
    assert {patched.succeed(message) for message in messages} == {"OK"}
    patched.output(execution)


def seconds_for_one_item(moto: Moto) -> float:
    """Return the seconds of a Map with one item and up to 2,000 workers."""
    start = time.monotonic()
    moto.output(moto.start({"Few": moto.few(PASS, MaxConcurrency=2000)}, {"items": [0]}))
    return time.monotonic() - start


@pytest.mark.canary("stepfunctions_maps._launch_needed_workers")
def test_canary_a_map_starts_more_workers_than_items(patched: Moto, plain: Moto) -> None:
    seconds_for_one_item(plain)  # the first machine of a process loads the parser
    assert seconds_for_one_item(plain) > 5 * seconds_for_one_item(patched)
