"""The committed definition is up to date with its source, and both are sound."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from frameloom.model.errors import AttemptFailed, ChunkLost, FarmError, FarmUnavailable, JobImpossible, NoResult, names
from frameloom.services.verify_frames import AT_ONCE
from statemachine import mermaid
from statemachine.__main__ import DEFINITION, ROOT, main
from statemachine.emit import document
from tests.conformance import asl_checks
from tests.conformance.farm_template import resources, template
from tests.conformance.toolbox import asl_findings

Machine = dict[str, Any]
COMMITTED = ROOT / DEFINITION


@pytest.fixture
def machine() -> Machine:
    """A machine of the test's own, to plant faults in."""
    loaded: Machine = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return loaded


def all_states(machine: Machine) -> dict[str, dict[str, Any]]:
    return {placed.name: placed.state for placed in asl_checks.every_state(machine)}


class TestTheGeneratedFiles:
    def test_the_committed_files_equal_the_definition_s_output(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--check"]) == 0, capsys.readouterr().err

    def test_a_stale_file_is_listed_and_then_written(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        stale = tmp_path / DEFINITION
        stale.parent.mkdir()
        stale.write_text("{}\n")
        assert main(["--check"], root=tmp_path) == 1
        assert stale.read_text() == "{}\n"
        assert "statemachine/render_job.asl.json" in capsys.readouterr().err
        assert main([], root=tmp_path) == 0
        assert stale.read_text() == COMMITTED.read_text()
        assert main(["--check"], root=tmp_path) == 0

    def test_a_page_with_markers_gets_the_chart_and_keeps_its_text(self, tmp_path: Path) -> None:
        (tmp_path / DEFINITION.parent).mkdir()
        page = tmp_path / "docs/architecture.md"
        page.parent.mkdir()
        page.write_text(f"before\n{mermaid.BEGIN}\nold\n{mermaid.END}\nafter\n")
        assert main([], root=tmp_path) == 0
        text = page.read_text()
        assert text.startswith("before\n")
        assert text.endswith("after\n")
        assert "old" not in text
        assert mermaid.picture(json.loads(document())) in text

    def test_the_file_is_the_same_in_every_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", "cn-north-1")
        assert document() == COMMITTED.read_text(encoding="utf-8")

    def test_the_chart_shows_every_state(self, machine: Machine) -> None:
        picture = mermaid.picture(machine)
        assert [name for name in all_states(machine) if name not in picture] == []


class TestTheValidators:
    def test_they_find_nothing_in_the_committed_file(self) -> None:
        assert asl_findings(COMMITTED) == []

    @pytest.mark.parametrize("validator", ["asl-validator", "amazon-states-language-service"])
    def test_each_finds_a_transition_to_a_missing_state(self, validator: str, machine: Machine, tmp_path: Path) -> None:
        machine["States"]["NextRound"]["Next"] = "Nowhere"
        faulty = tmp_path / "faulty.asl.json"
        faulty.write_text(json.dumps(machine))
        assert validator in {finding["validator"] for finding in asl_findings(faulty)}


def _reader_in_an_inline_map(states: dict[str, Any]) -> None:
    states["EncodeSegments"]["ItemProcessor"]["ProcessorConfig"] = {"Mode": "INLINE"}


def _slow_heartbeat(states: dict[str, Any]) -> None:
    states["RenderChunk"] |= {"HeartbeatSeconds": 60, "TimeoutSeconds": 60}


def _heartbeat_is_the_timeout(states: dict[str, Any]) -> None:
    states["RenderChunk"]["HeartbeatSecondsPath"] = states["RenderChunk"]["TimeoutSecondsPath"]


def _retrier_after_all(states: dict[str, Any]) -> None:
    states["RenderChunk"]["Retry"].insert(0, {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1})


def _catcher_after_all(states: dict[str, Any]) -> None:
    states["PrepareJob"]["Catch"].append({"ErrorEquals": ["NoCamera"], "Next": "Failed"})


def _throttling_after_faults(states: dict[str, Any]) -> None:
    states["EncodeSegment"]["Retry"][1]["ErrorEquals"].append("Lambda.TooManyRequestsException")


def _kept_token(states: dict[str, Any]) -> None:
    del states["RenderChunk"]["Parameters"]["MessageBody"]["task_token.$"]


def _express_children(states: dict[str, Any]) -> None:
    states["RenderChunks"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS"


def _no_function(states: dict[str, Any]) -> None:
    del states["EncodeSegment"]["Parameters"]["FunctionName"]


class TestFaultsThatValidatorsMiss:
    @pytest.mark.parametrize("check", asl_checks.CHECKS)
    def test_the_committed_file_has_no_such_fault(
        self, check: Callable[[Machine], list[str]], machine: Machine
    ) -> None:
        assert check(machine) == []

    @pytest.mark.parametrize(
        ("plant", "check", "where"),
        [
            (_reader_in_an_inline_map, asl_checks.item_reader_in_an_inline_map, "EncodeSegments"),
            (_slow_heartbeat, asl_checks.heartbeat_not_below_timeout, "RenderChunk"),
            (_heartbeat_is_the_timeout, asl_checks.heartbeat_not_below_timeout, "RenderChunk"),
            (_retrier_after_all, asl_checks.retriers_after_a_catch_all, "RenderChunk"),
            (_catcher_after_all, asl_checks.retriers_after_a_catch_all, "PrepareJob"),
            (_throttling_after_faults, asl_checks.retriers_that_repeat_an_error, "EncodeSegment"),
            (_kept_token, asl_checks.token_missing_from_the_message, "RenderChunk"),
            (_express_children, asl_checks.token_inside_express, "RenderChunk"),
            (_no_function, asl_checks.lambda_without_a_function, "EncodeSegment"),
        ],
    )
    def test_a_planted_fault_is_found_by_its_own_check_alone(
        self,
        plant: Callable[[dict[str, Any]], None],
        check: Callable[[Machine], list[str]],
        where: str,
        machine: Machine,
    ) -> None:
        plant(all_states(machine))
        found = {each.__name__: each(machine) for each in asl_checks.CHECKS}
        (problem,) = found.pop(check.__name__)
        assert problem.startswith(f"{where}: ")
        assert not any(found.values())


class TestErrors:
    def test_every_error_name_is_our_class_or_aws_s(self, machine: Machine) -> None:
        ours = set(names(FarmError))
        strangers = {name for name in _named(machine) if not name.startswith(("States.", "Lambda.", "Runtime."))} - ours
        assert strangers == set()

    def test_every_error_of_the_farm_is_in_the_machine(self, machine: Machine) -> None:
        # Only the client raises these.
        elsewhere = {FarmUnavailable.__name__, *names(NoResult)}
        assert set(names(FarmError)) - elsewhere - _named(machine) == set()

    def test_an_impossible_job_is_neither_retried_nor_caught_in_the_map(self, machine: Machine) -> None:
        chunk = all_states(machine)["RenderChunk"]
        for name in names(JobImpossible):
            assert asl_checks.retries(chunk, name) == 0
            assert not any(name in catch["ErrorEquals"] for catch in chunk["Catch"])

    @pytest.mark.parametrize("name", names(AttemptFailed))
    def test_a_failed_attempt_gets_two_more_and_is_then_recorded(self, name: str, machine: Machine) -> None:
        chunk = all_states(machine)["RenderChunk"]
        # Another worker may have the Blender that this one lacks.
        assert asl_checks.retries(chunk, name) == (15 if name == "BlenderMismatch" else 2)
        assert any(name in catch["ErrorEquals"] and catch["Next"] == "ChunkFailed" for catch in chunk["Catch"])

    @pytest.mark.parametrize("name", [ChunkLost.__name__, "States.Timeout", "States.HeartbeatTimeout"])
    def test_a_chunk_without_an_answer_gets_one_retry(self, name: str, machine: Machine) -> None:
        chunk = all_states(machine)["RenderChunk"]
        assert asl_checks.retries(chunk, name) == 1
        assert any(name in catch["ErrorEquals"] for catch in chunk["Catch"])

    def test_every_failure_outside_a_map_leads_to_a_report_or_to_failed(self, machine: Machine) -> None:
        elsewhere = {"LogJob": "Failed", "LogFailure": "Failed", "AnnounceSuccess": "Done", "AnnounceFailure": "Failed"}
        for name, state in machine["States"].items():
            if state["Type"] in ("Task", "Map"):
                (catch,) = state["Catch"]
                assert catch["ErrorEquals"] == ["States.ALL"]
                assert catch["Next"] == elsewhere.get(name, "LogFailure")

    def test_a_failed_report_does_not_hide_the_job_s_error(self, machine: Machine) -> None:
        (catch,) = machine["States"]["LogFailure"]["Catch"]
        assert catch["ResultPath"] not in ("$", "$.Error", "$.Cause")

    def test_every_lambda_retries_failures_of_lambda_itself(self, machine: Machine) -> None:
        lambdas = [state for state in all_states(machine).values() if "lambda" in state.get("Resource", "")]
        assert len(lambdas) == 8
        for state in lambdas:
            for fault in ("Service", "AWSLambda", "SdkClient", "ClientExecutionTimeout"):
                assert asl_checks.retries(state, f"Lambda.{fault}Exception") == 5

    def test_every_throttled_lambda_is_retried_for_hours(self, machine: Machine) -> None:
        lambdas = [state for state in all_states(machine).values() if "lambda" in state.get("Resource", "")]
        for state in lambdas:
            retrier = asl_checks.retrier(state, "Lambda.TooManyRequestsException")
            assert retrier is not None
            # Full jitter: a wait is half of its bound on average.
            waits = (
                min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number, retrier["MaxDelaySeconds"]) / 2
                for number in range(retrier["MaxAttempts"])
            )
            assert 5 * 3600 < sum(waits) < 24 * 3600
            # A place that comes free is not left empty for long.
            assert retrier["MaxDelaySeconds"] <= 60
            # Three events a try, in an execution that has room for 25,000.
            assert 3 * retrier["MaxAttempts"] < 25_000 / 8

    def test_every_retry_has_full_jitter_and_a_maximum_delay(self, machine: Machine) -> None:
        retriers = [each for state in all_states(machine).values() for each in state.get("Retry", [])]
        retrying = [each for each in retriers if each["MaxAttempts"]]
        assert len(retrying) > 20
        for retrier in retrying:
            assert (retrier["JitterStrategy"], retrier["MaxDelaySeconds"]) == ("FULL", 60)

    def test_a_lambda_whose_process_died_is_retried_and_a_timed_out_one_is_not(self, machine: Machine) -> None:
        for state in all_states(machine).values():
            if "lambda" in state.get("Resource", ""):
                assert (
                    asl_checks.retries(state, "Runtime.ExitError") == asl_checks.retries(state, "Lambda.Unknown") == 2
                )
                assert asl_checks.retries(state, "Sandbox.Timedout") == 0

    def test_a_lambda_is_retried_while_its_layer_is_updated(self, machine: Machine) -> None:
        for state in all_states(machine).values():
            if "lambda" in state.get("Resource", ""):
                retrier = asl_checks.retrier(state, "Runtime.ImportModuleError")
                assert retrier is not None
                waits = (
                    min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** number, retrier["MaxDelaySeconds"]) / 2
                    for number in range(retrier["MaxAttempts"])
                )
                assert 60 < sum(waits) < 300


class TestAnnouncements:
    @pytest.mark.parametrize(("state", "end"), [("AnnounceSuccess", "Done"), ("AnnounceFailure", "Failed")])
    def test_the_announcement_does_not_change_the_end_of_a_job(self, state: str, end: str, machine: Machine) -> None:
        announcement = machine["States"][state]
        (catch,) = announcement["Catch"]
        assert announcement["Next"] == catch["Next"] == end
        # The last states use the summary and its error, so the bus's response must not replace them.
        assert announcement["ResultPath"] is None
        assert catch["ResultPath"] is None
        assert asl_checks.retries(announcement, "EventBridge.FailedEntry") == 3

    def test_the_announcement_is_the_report_s_summary(self, machine: Machine) -> None:
        for report, state in (("LogJob", "AnnounceSuccess"), ("LogFailure", "AnnounceFailure")):
            assert machine["States"][report]["Next"] == state
            (entry,) = machine["States"][state]["Parameters"]["Entries"]
            assert (entry["Source"], entry["DetailType"]) == ("frameloom", "Frameloom Job Ended")
            assert (entry["Detail.$"], entry["EventBusName"]) == ("$", "default")


def test_every_error_of_a_segment_is_stored_before_it_ends_the_film(machine: Machine) -> None:
    states = machine["States"]["EncodeSegments"]["ItemProcessor"]["States"]
    (catch,) = states["EncodeSegment"]["Catch"]
    assert (catch["ErrorEquals"], catch["Next"]) == (["States.ALL"], "LogSegmentFailure")
    log_failure = states["LogSegmentFailure"]
    assert log_failure["Parameters"]["Payload"]["error.$"] == catch["ResultPath"]
    # It fails as the segment did, whatever becomes of the note.
    (other,) = log_failure["Catch"]
    assert log_failure["Next"] == other["Next"] == "SegmentFailed"
    assert log_failure["ResultPath"] is other["ResultPath"] is None
    assert states["SegmentFailed"]["ErrorPath"] == f"{catch['ResultPath']}.Error"
    assert states["SegmentFailed"]["CausePath"] == f"{catch['ResultPath']}.Cause"


def test_the_first_segment_that_fails_ends_the_film(machine: Machine) -> None:
    """So StitchVideo joins the segments of this job only, not of an earlier job of the same name."""
    tolerated = {"ToleratedFailureCount", "ToleratedFailurePercentage"}
    tolerated |= {f"{name}Path" for name in tolerated}
    assert not tolerated & machine["States"]["EncodeSegments"].keys()


def test_an_upload_that_starts_no_job_ends_after_three_states(machine: Machine) -> None:
    states = machine["States"]
    assert states["PrepareJob"]["Next"] == "AnyJob"
    choice, *_ = states["AnyJob"]["Choices"]
    assert (choice["Variable"], choice["IsPresent"]) == ("$.skipped", True)
    assert states[choice["Next"]]["Type"] == "Succeed"


def test_as_many_segments_are_encoded_at_once_as_the_stack_says(machine: Machine) -> None:
    encode = machine["States"]["EncodeSegments"]
    assert encode["MaxConcurrencyPath"] == "$.verified.segments.at_once"
    assert "MaxConcurrency" not in encode
    assert machine["States"]["VerifyFrames"]["ResultSelector"]["segments.$"] == "$.Payload.segments"
    variables = resources["VerifyFramesFunction"]["Properties"]["Environment"]["Variables"]
    assert variables == {"ENCODERS_AT_ONCE": {"Ref": "EncodersAtOnce"}}
    # The planner's default number of segments equals the parameter's default.
    assert template["Parameters"]["EncodersAtOnce"]["Default"] == AT_ONCE


def test_an_unknown_answer_fails_the_job(machine: Machine) -> None:
    assert "Default" not in machine["States"]["NextStep"]


def test_every_state_has_a_comment(machine: Machine) -> None:
    assert [name for name, state in all_states(machine).items() if not state.get("Comment")] == []


def test_every_state_that_waits_has_a_limit(machine: Machine) -> None:
    tasks = {name: state for name, state in all_states(machine).items() if state["Type"] == "Task"}
    assert [name for name, task in tasks.items() if not {"TimeoutSeconds", "TimeoutSecondsPath"} & task.keys()] == []


def _named(machine: Machine) -> set[str]:
    return {
        name
        for state in all_states(machine).values()
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]
        for name in rule["ErrorEquals"]
    }
