"""Maps in moto: what the mends make of them, what they cost, and canaries for the faults that are mended.

A canary runs moto as it is, and fails once moto no longer needs the mend.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest
from moto import backends
from moto.sqs import models as sqs
from moto.stepfunctions.parser import models, utils
from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.common.path.result_path import ResultPath
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.backend import execution_worker

from frameloom.local.moto_patches.correctness import stepfunctions_ends
from frameloom.local.moto_patches.speed import stepfunctions_cost
from tests.conformance.moto_process import Moto, said, wait_until

EXCEEDED = "States.ExceedToleratedFailureThreshold"
PASS = {"Type": "Pass", "End": True}
CAUGHT = {"Caught": PASS}


def run_of(moto: Moto, execution: str) -> dict[str, Any]:
    """Return what DescribeMapRun says of the one distributed Map of an execution, which may only be starting."""

    def started() -> list[str]:
        details = [event.get("mapRunStartedEventDetails") for event in moto.history(execution)]
        return [found["mapRunArn"] for found in details if found]

    assert wait_until(lambda: started() != [], within=10)
    return dict(moto.states.describe_map_run(mapRunArn=started()[0]))


# --- What a chunk's state uses, and moto does without a mend


def test_an_item_meets_what_the_farm_gives_it(mended: Moto) -> None:
    message = {"value.$": "$.value", "job_id.$": "$.job_id"}
    item = mended.task(message, HeartbeatSecondsPath="$.limits.heartbeat", TimeoutSecondsPath="$.limits.timeout")
    execution = mended.start_many(item, items=5, workers=2)
    name = execution.split(":")[-1]
    values = []
    for _ in range(5):
        assert run_of(mended, execution)["itemCounts"]["running"] <= 2
        sent = mended.message()
        assert (sent["job_id"], sent["attempt"]) == (name, 0)
        values.append(sent["value"])
        assert mended.succeed(sent) == "OK"
    assert sorted(values) == [0, 1, 2, 3, 4]
    assert mended.output(execution)["limits"]["workers"] == 2
    run = run_of(mended, execution)
    assert (run["maxConcurrency"], run["itemCounts"]["succeeded"], run["status"]) == (2, 5, "SUCCEEDED")
    assert "/Items:" in run["mapRunArn"]
    (manifest,) = mended.written(f"jobs/{name}/map/")
    assert manifest.endswith("/manifest.json")


def test_retries_wait_no_longer_than_they_may(mended: Moto) -> None:
    capped = {
        "ErrorEquals": ["Broken"],
        "IntervalSeconds": 1,
        "BackoffRate": 20,
        "MaxDelaySeconds": 1,
        "MaxAttempts": 2,
    }
    jittered = {"ErrorEquals": ["Bent"], "IntervalSeconds": 1, "MaxAttempts": 1, "JitterStrategy": "FULL"}
    execution = mended.start({"Task": mended.task(Retry=[capped, jittered])})
    for attempt, error in enumerate(["Broken", "Broken", "Bent"]):
        message = mended.message()
        assert message["attempt"] == attempt
        mended.fail(message, error)
    assert mended.succeed(mended.message()) == "OK"
    assert mended.output(execution) == {"done": True}


# --- A Map that fails


def test_a_failed_child_fails_a_distributed_map_and_stops_the_rest(mended: Moto) -> None:
    execution = mended.start_many(mended.task(HeartbeatSeconds=30), items=4, workers=2)
    one, other = mended.message(), mended.message()
    assert mended.fail(one, "Broken", cause="It broke.") == "OK"
    end = mended.end(execution)
    assert (end["error"], end["cause"]) == (EXCEEDED, "The specified tolerated failure threshold was exceeded")
    assert wait_until(lambda: mended.beat(other) == "TaskTimedOut", within=5)
    assert mended.message(within=0.5) == {}
    assert wait_until(lambda: run_of(mended, execution)["itemCounts"]["aborted"] == 1, within=5)
    run = run_of(mended, execution)
    assert (run["status"], run["itemCounts"]["failed"], run["executionCounts"]["running"]) == ("FAILED", 1, 0)


def test_canary_a_failed_child_fails_nothing(plain: Moto) -> None:
    execution = plain.start_many(plain.task(HeartbeatSeconds=30), items=2, workers=2)
    one, other = plain.message(), plain.message()
    plain.fail(one, "Broken")
    assert plain.beat(other) == "OK"
    assert plain.succeed(other) == "OK"
    assert plain.end(execution)["status"] == "SUCCEEDED"
    assert run_of(plain, execution)["executionCounts"]["running"] == 1


def test_a_distributed_map_is_retried_and_caught_by_that_name(mended: Moto) -> None:
    retry = [{"ErrorEquals": [EXCEEDED], "IntervalSeconds": 1, "MaxAttempts": 1}]
    catch = [{"ErrorEquals": [EXCEEDED], "Next": "Caught"}]
    item = mended.task({"value.$": "$.value"})
    execution = mended.start_many(item, items=1, workers=1, after=CAUGHT, Retry=retry, Catch=catch)
    assert mended.fail(mended.message(), "Broken") == "OK"
    assert mended.fail(mended.message(), "Broken") == "OK"
    assert mended.output(execution)["Error"] == EXCEEDED


def test_what_a_child_catches_fails_no_map(mended: Moto) -> None:
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout", "Broken"], "Next": "Recorded"}]
    task = mended.task(HeartbeatSeconds=1, Catch=catch)
    many = mended.many(task)
    many["ItemProcessor"]["States"]["Recorded"] = PASS
    execution = mended.start({"Many": many}, {"items": [1, 2], "limits": {"workers": 2}})
    mended.fail(mended.message(), "Broken", cause="It broke.")
    results = mended.output(execution)
    assert sorted(result["Error"] for result in results) == ["Broken", "States.HeartbeatTimeout"]


@pytest.mark.parametrize(("tolerated", "failing", "error"), [(2, 2, None), (1, 2, EXCEEDED)])
def test_a_distributed_map_tolerates_what_it_is_told_to(
    mended: Moto, tolerated: int, failing: int, error: str | None
) -> None:
    many = mended.many(mended.task(), ToleratedFailureCountPath="$.limits.tolerated")
    execution = mended.start({"Many": many}, {"items": [1, 2, 3], "limits": {"workers": 1, "tolerated": tolerated}})
    for answered in range(failing):
        assert mended.now(execution)["status"] == "RUNNING", answered
        mended.fail(mended.message(), "Broken")
    if failing == tolerated:
        mended.succeed(mended.message())
    assert mended.end(execution).get("error") == error


def test_a_failed_item_fails_an_inline_map_with_its_own_error_and_stops_the_rest(mended: Moto) -> None:
    catch = [{"ErrorEquals": ["Broken"], "Next": "After"}]
    execution = mended.start({"Few": mended.few(mended.task(), Catch=catch), "After": mended.task()}, {"items": [1, 2]})
    one, other = mended.message(), mended.message()
    mended.fail(one, "Broken", cause="It broke.")
    after = mended.message()
    assert mended.beat(other) == "TaskTimedOut"
    assert mended.succeed(after) == "OK"
    assert mended.output(execution) == {"done": True}


def test_canary_the_rest_of_a_failed_inline_map_runs_on(plain: Moto) -> None:
    catch = [{"ErrorEquals": ["Broken"], "Next": "After"}]
    item = plain.task(HeartbeatSeconds=30)
    plain.start({"Few": plain.few(item, Catch=catch), "After": plain.task(TimeoutSeconds=30)}, {"items": [1, 2]})
    one, other = plain.message(), plain.message()
    plain.fail(one, "Broken")
    assert plain.message()
    assert plain.beat(other) == "OK"


@pytest.mark.parametrize(
    ("clock", "error"),
    [("TimeoutSeconds", "States.Timeout"), ("HeartbeatSeconds", "States.HeartbeatTimeout")],
)
def test_an_error_of_the_states_language_leaves_a_map_as_it_is(mended: Moto, clock: str, error: str) -> None:
    item = {**mended.task(), clock: 1}
    few = mended.few(item, Catch=[{"ErrorEquals": [error], "Next": "Caught"}])
    assert mended.output(mended.start({"Few": few, **CAUGHT}, {"items": [1, 2]}))["Error"] == error


def test_canary_an_error_of_the_states_language_does_not_leave_a_map(plain: Moto) -> None:
    execution = plain.start({"Few": plain.few(plain.task(TimeoutSeconds=1))}, {"items": [1]})
    assert plain.end(execution)["error"] == "States.Runtime"


# --- A Map that is stopped


def test_a_stopped_map_lets_go_of_everything(mended: Moto) -> None:
    threads = mended.threads()
    execution = mended.start_many(mended.task(HeartbeatSeconds=30), items=30, workers=10)
    messages = [mended.message() for _ in range(10)]
    assert mended.threads() > threads + 10
    mended.states.stop_execution(executionArn=execution)
    assert mended.now(execution)["status"] == "ABORTED"
    assert {mended.beat(message) for message in messages} == {"TaskTimedOut"}
    assert wait_until(lambda: mended.threads() <= threads + 2, within=10)
    assert mended.message(within=0.5) == {}
    run = run_of(mended, execution)
    assert (run["status"], run["itemCounts"]["aborted"], run["executionCounts"]["running"]) == ("ABORTED", 10, 0)
    assert mended.history(execution)[-1]["type"] == "ExecutionAborted"


def test_canary_a_stopped_map_holds_on(plain: Moto) -> None:
    execution = plain.start_many(plain.task(HeartbeatSeconds=1), items=2, workers=1)
    message = plain.message()
    plain.states.stop_execution(executionArn=execution)
    assert plain.beat(message) == "OK"
    plain.end(execution)
    assert run_of(plain, execution)["status"] == "SUCCEEDED"


def test_an_execution_may_be_asked_for_its_map_runs_at_any_time(mended: Moto) -> None:
    states = {"Few": mended.few(PASS)} | {f"Pass{number}": PASS for number in range(40)}
    run = run_of(mended, mended.start_many(PASS, items=1, workers=1))["mapRunArn"]
    for _ in range(5):
        execution = mended.start(states, {"items": [1]})
        assert mended.states.list_map_runs(executionArn=execution)["mapRuns"] == []
        assert mended.states.describe_map_run(mapRunArn=run)["mapRunArn"] == run


def test_canary_an_execution_that_only_starts_breaks_the_questions_about_others(plain: Moto) -> None:
    # So many that reading them takes far longer than a question.
    states = {"Few": plain.few(PASS)} | {f"Pass{number}": PASS for number in range(400)}

    def broken() -> bool:
        execution = plain.start(states, {"items": [1]})
        return said(lambda: plain.states.list_map_runs(executionArn=execution)) == "500"

    assert wait_until(broken, within=40)


# --- A Map that is large


@pytest.mark.parametrize("workers", [1, 0])
def test_a_worker_takes_any_number_of_items(mended: Moto, workers: int) -> None:
    execution = mended.start_many(PASS, items=1500, workers=workers)
    mended.output(execution)
    assert run_of(mended, execution)["itemCounts"]["succeeded"] == 1500


def test_an_inline_worker_takes_any_number_of_items(mended: Moto) -> None:
    few = mended.few(PASS, MaxConcurrency=1)
    assert mended.output(mended.start({"Few": few}, {"items": list(range(1500))})) == list(range(1500))


def test_canary_a_worker_exceeds_the_recursion_limit(plain: Moto) -> None:
    execution = plain.start_many(PASS, items=1500, workers=1)
    assert wait_until(lambda: run_of(plain, execution)["itemCounts"]["failed"] > 0, within=30)
    assert plain.now(execution)["status"] == "RUNNING"


def test_as_many_items_wait_at_once_as_there_may_be_workers(mended: Moto) -> None:
    execution = mended.start_many(mended.task(), items=100, workers=1000)
    messages = [mended.message() for _ in range(100)]
    assert {mended.succeed(message) for message in messages} == {"OK"}
    mended.output(execution)


def seconds_for_one_item(moto: Moto) -> float:
    """Return how long a Map takes that may have 2,000 workers and has one item."""
    start = time.monotonic()
    moto.output(moto.start({"Few": moto.few(PASS, MaxConcurrency=2000)}, {"items": [0]}))
    return time.monotonic() - start


def test_canary_a_map_starts_workers_that_have_nothing_to_do(mended: Moto, plain: Moto) -> None:
    seconds_for_one_item(plain)  # the first machine of a process has its parser to load
    assert seconds_for_one_item(plain) > 5 * seconds_for_one_item(mended)


# --- What an item costs


def calls(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    """Count the calls of a function that goes on doing what it did."""
    counted: list[Any] = []
    original = getattr(owner, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        counted.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)
    return counted


def mend(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Apply one mend to this process, for this test."""
    monkeypatch.setattr(owner, name, make(getattr(owner, name)))


@pytest.mark.parametrize(("mended_here", "expected"), [(True, 1), (False, 3)], ids=["mended", "canary"])
def test_a_path_is_parsed_once(monkeypatch: pytest.MonkeyPatch, *, mended_here: bool, expected: int) -> None:
    counted = calls(monkeypatch, json_path, "parse")
    if mended_here:
        mend(monkeypatch, json_path, "parse", stepfunctions_cost._paths_are_parsed_once)
    assert [json_path.extract_json("$.a.b", {"a": {"b": number}}) for number in range(3)] == [0, 1, 2]
    assert len(counted) == expected


@pytest.mark.parametrize(("mended_here", "expected"), [(True, 1), (False, 3)], ids=["mended", "canary"])
def test_a_definition_is_parsed_once(monkeypatch: pytest.MonkeyPatch, *, mended_here: bool, expected: int) -> None:
    counted = calls(monkeypatch, AmazonStateLanguageParser, "parse")
    if mended_here:
        mend(monkeypatch, models, "AmazonStateLanguageParser", stepfunctions_cost._definitions_are_parsed_once)
        monkeypatch.setattr(execution_worker, "AmazonStateLanguageParser", models.AmazonStateLanguageParser)
    backend = models.StepFunctionsParserBackend("us-east-1", "123456789012")
    definition = json.dumps({"StartAt": "Pass", "States": {"Pass": PASS}})
    machine = backend.create_state_machine(name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/r")
    for name in ("first", "second"):
        execution = backend.start_execution(machine.arn, name=name, execution_input="{}")
        assert wait_until(partial(has_succeeded, execution), within=20)
    assert len(counted) == expected


def has_succeeded(execution: Any) -> bool:
    return bool(execution.status == "SUCCEEDED")


@pytest.mark.parametrize(("mended_here", "expected"), [(True, 2), (False, 4)], ids=["mended", "canary"])
def test_a_service_has_one_client(monkeypatch: pytest.MonkeyPatch, *, mended_here: bool, expected: int) -> None:
    if mended_here:
        mend(monkeypatch, boto_client, "boto3", stepfunctions_cost._clients_are_made_once)
    counted = calls(monkeypatch, boto3, "client")
    for service in ("sqs", "s3", "sqs", "s3"):
        assert boto_client.boto_client_for("us-east-1", service).meta.service_model.service_name == service
    assert len(counted) == expected


@pytest.mark.parametrize(("mended_here", "expected"), [(True, 0), (False, 2)], ids=["mended", "canary"])
def test_the_services_are_listed_once(monkeypatch: pytest.MonkeyPatch, *, mended_here: bool, expected: int) -> None:
    if mended_here:
        mend(monkeypatch, backends, "list_of_moto_modules", stepfunctions_cost._services_are_listed_once)
    counted = calls(monkeypatch, backends.os, "listdir")
    assert "sqs" in backends.list_of_moto_modules()
    assert "nothing" not in backends.list_of_moto_modules()
    assert len(counted) == expected


def threads_kept_by_one_execution() -> int:
    """Return how many threads moto remembers of an execution that has ended, and that ran in this process."""
    backend = models.StepFunctionsParserBackend("us-east-1", "123456789012")
    definition = json.dumps({"StartAt": "Pass", "States": {"Pass": PASS}})
    machine = backend.create_state_machine(name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/r")
    before = len(utils.TMP_THREADS)
    execution = backend.start_execution(machine.arn, name="e", execution_input="{}")
    assert wait_until(lambda: execution.status == "SUCCEEDED", within=20)
    return len(utils.TMP_THREADS) - before


def test_a_machine_without_a_time_limit_needs_no_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    mend(monkeypatch, program.Program, "eval", stepfunctions_cost._no_thread_to_watch_no_clock)
    assert threads_kept_by_one_execution() == 1


def test_threads_that_have_ended_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    mend(monkeypatch, program, "TMP_THREADS", stepfunctions_cost._threads_are_forgotten)
    assert threads_kept_by_one_execution() == 1


def test_canary_each_machine_has_a_thread_of_its_own_and_all_are_kept() -> None:
    assert threads_kept_by_one_execution() == 2


@pytest.mark.parametrize(("mended_here", "expected"), [(True, 0), (False, 1)], ids=["mended", "canary"])
def test_what_is_abandoned_is_not_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, mended_here: bool, expected: int
) -> None:
    if mended_here:
        quiet = stepfunctions_ends._what_is_abandoned_is_not_logged
        mend(monkeypatch, eval_component.EvalComponent, "_log_exception", quiet)
    ResultPath("$")._log_exception(exception=stepfunctions_ends.Abandoned())
    assert len(caplog.records) == expected
    ResultPath("$")._log_exception(exception=ValueError())
    assert len(caplog.records) == expected + 1


@pytest.mark.parametrize(("mended_here", "expected"), [(True, 0), (False, 1)], ids=["mended", "canary"])
def test_a_message_is_received_without_counting_all(
    monkeypatch: pytest.MonkeyPatch, *, mended_here: bool, expected: int
) -> None:
    backend = sqs.SQSBackend("us-east-1", "123456789012")
    backend.create_queue("queue", {})
    backend.send_message("queue", "hello")
    if mended_here:
        name = "is_message_valid_based_on_retention_period"
        mend(monkeypatch, sqs.SQSBackend, name, stepfunctions_cost._one_attribute_is_looked_up)
        mend(monkeypatch, sqs, "unix_time_millis", stepfunctions_cost._the_time_is_just_read)
    counted = calls(monkeypatch, sqs.SQSBackend, "get_queue_attributes")
    assert [message.body for message in backend.receive_message("queue", 1, 0, 30)] == ["hello"]
    assert backend.receive_message("queue", 1, 0, 30) == []
    assert len(counted) == expected
