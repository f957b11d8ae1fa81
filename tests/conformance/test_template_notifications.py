"""Notifications: dead letters, alarms, and announcements of ended jobs."""

import json
import re
from typing import Any

import pytest

from frameloom.local.template import local_template
from frameloom.model.job_status import JobStatus
from frameloom.model.report import FrameCounts, ObjectRef, Summary
from tests.conformance.farm_template import of_type, references, resources, statements, template
from tests.conformance.toolbox import ROOT

QUEUES = of_type("AWS::SQS::Queue")
ALARMS = of_type("AWS::CloudWatch::Alarm")
RULES = of_type("AWS::Events::Rule")
STOPPED = resources["LogJobFunction"]["Properties"]["Events"]["JobStopped"]["Properties"]
TOPIC = {"Ref": "NotificationTopic"}
UNDELIVERED = {"Fn::GetAtt": ["UndeliveredQueue", "Arn"]}


class TestDeadLetters:
    def test_messages_are_received_a_few_times_and_then_kept(self) -> None:
        redrives = {name: queue["RedrivePolicy"] for name, queue in QUEUES.items() if "RedrivePolicy" in queue}
        # A chunk's attempts cost hours of rendering, a piece of a log costs nothing.
        assert {name: redrive["maxReceiveCount"] for name, redrive in redrives.items()} == {
            "ChunkQueue": 3,
            "LogQueue": 5,
        }
        dead = {redrive["deadLetterTargetArn"]["Fn::GetAtt"][0] for redrive in redrives.values()}
        assert dead == {"ChunkDeadLetterQueue", "LogDeadLetterQueue"}

    def test_every_target_of_a_rule_has_a_dead_letter_queue_and_retries_for_an_hour(self) -> None:
        upload = resources["RenderJob"]["Properties"]["Events"]["SceneUploaded"]["Properties"]
        targets = [upload, STOPPED, *(target for rule in RULES.values() for target in rule["Targets"])]
        assert len(targets) == 4
        for target in targets:
            assert target["DeadLetterConfig"] == {"Arn": UNDELIVERED}
            assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600

    @pytest.mark.parametrize("function", ["SubmitJobFunction", "LogJobFunction"])
    def test_a_function_that_may_be_called_asynchronously_has_one(self, function: str) -> None:
        assert resources[function]["Properties"]["DeadLetterQueue"] == {"Type": "SQS", "TargetArn": UNDELIVERED}
        (statement,) = (each for each in statements(f"{function}Role") if each["Sid"] == "KeepWhatFails")
        assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", UNDELIVERED)

    def test_only_our_rules_may_put_events_there(self) -> None:
        policy = resources["UndeliveredQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
        (allowed,) = (statement for statement in policy if statement["Effect"] == "Allow")
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        rules = {"RenderJobSceneUploaded", "LogJobFunctionJobStopped", *RULES}
        assert set(references(allowed["Condition"]["ArnEquals"]["aws:SourceArn"])) == rules


class TestAlarms:
    def test_each_alarm_notifies_the_topic_and_names_an_action(self) -> None:
        for name, alarm in ALARMS.items():
            assert alarm["AlarmActions"] == [TOPIC], name
            assert alarm["AlarmDescription"], name
            # An idle farm has no data: that is how it should be.
            assert alarm["TreatMissingData"] == "notBreaching", name

    def test_only_the_alarms_and_rules_may_publish_to_the_topic(self) -> None:
        policy = resources["NotificationTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        by_service = {each["Principal"]["Service"]: each for each in policy if each["Effect"] == "Allow"}
        assert set(by_service) == {"cloudwatch.amazonaws.com", "events.amazonaws.com"}
        alarms = by_service["cloudwatch.amazonaws.com"]["Condition"]["ArnEquals"]["aws:SourceArn"]
        assert set(references(alarms)) == set(ALARMS)
        # EventBridge sends SNS nothing that a condition could be held against.
        assert "Condition" not in by_service["events.amazonaws.com"]

    def test_every_queue_without_a_consumer_has_an_alarm(self) -> None:
        fed = {
            reference
            for mapping in of_type("AWS::Lambda::EventSourceMapping").values()
            for reference in references(mapping["EventSourceArn"])
        }
        watched = {name for alarm in ALARMS.values() for name in references(alarm) if name in QUEUES}
        assert set(QUEUES) - watched - (fed - {"ChunkDeadLetterQueue"}) == set()

    @pytest.mark.parametrize(
        ("alarm", "metric"), [("JobsFailedAlarm", "ExecutionsFailed"), ("JobsTimedOutAlarm", "ExecutionsTimedOut")]
    )
    def test_a_failed_job_fires_an_alarm(self, alarm: str, metric: str) -> None:
        found = ALARMS[alarm]
        assert (found["Namespace"], found["MetricName"]) == ("AWS/States", metric)
        assert found["Dimensions"] == [{"Name": "StateMachineArn", "Value": {"Ref": "RenderJob"}}]

    def test_a_stuck_job_fires_an_alarm_after_stuck_minutes(self) -> None:
        alarm = ALARMS["JobStuckAlarm"]
        assert alarm["EvaluationPeriods"] == {"Ref": "StuckMinutes"}
        # By default all periods count, so each minute must be without a frame.
        assert "DatapointsToAlarm" not in alarm
        metrics = {each["Id"]: each for each in alarm["Metrics"]}
        assert {metrics[name]["MetricStat"]["Period"] for name in ("waiting", "leased", "rendered")} == {60}
        for name in ("waiting", "leased"):
            assert set(references(metrics[name])) == {"ChunkQueue"}

    @pytest.mark.parametrize(
        ("waiting", "leased", "rendered", "stuck"),
        [(0, 0, 0, 0), (0, 0, 5, 0), (3, 0, 0, 1), (0, 2, 0, 1), (3, 2, 0, 1), (3, 2, 1, 0)],
    )
    def test_a_minute_with_work_and_without_a_frame_is_stuck(
        self, waiting: int, leased: int, rendered: int, stuck: int
    ) -> None:
        assert stuck_minutes(waiting=[waiting], leased=[leased], rendered=[rendered]) == [stuck]

    def test_every_minute_is_stuck_in_a_farm_that_never_had_a_worker(self) -> None:
        # Each queue has its values as long as it has messages; the newest minute of all comes late.
        waiting, leased = [*[4.0] * 29, None], [*[0.0] * 29, None]
        assert stuck_minutes(waiting=waiting, leased=leased, rendered=[*pulses(29), None]) == [1] * 30

    def test_without_the_pulse_the_alarm_would_not_fire(self) -> None:
        assert stuck_minutes(waiting=[4.0] * 30, leased=[0.0] * 30, rendered=[None] * 30) == [None] * 30

    def test_every_minute_after_the_last_worker_s_death_is_stuck(self) -> None:
        rendered = [3.0, 2.0, *pulses(40)]
        found = stuck_minutes(waiting=[9.0] * 42, leased=[1.0] * 42, rendered=rendered)
        assert found == [0, 0, *[1] * 40]

    def test_a_running_job_and_an_idle_farm_are_never_stuck(self) -> None:
        assert stuck_minutes(waiting=[9.0, 8.0, None], leased=[2.0, 2.0, None], rendered=[3.0, 1.0, 2.0]) == [0, 0, 0]
        assert stuck_minutes(waiting=[0.0] * 3, leased=[0.0] * 3, rendered=pulses(3)) == [0] * 3

    def test_the_pulse_publishes_a_0_each_minute(self) -> None:
        pulse = resources["CollectLogsFunction"]["Properties"]["Events"]["Pulse"]
        assert (pulse["Type"], pulse["Properties"]["Schedule"]) == ("Schedule", "rate(1 minute)")
        assert json.loads(pulse["Properties"]["Input"]) == {"pulse": True}
        # A late call would count for another minute.
        assert pulse["Properties"]["RetryPolicy"]["MaximumRetryAttempts"] == 0
        assert resources["CollectLogsFunction"]["Properties"]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0

    def test_the_alarm_and_collect_logs_use_the_same_metric(self) -> None:
        (counted,) = (each for each in ALARMS["JobStuckAlarm"]["Metrics"] if each["Id"] == "rendered")
        variables = template["Globals"]["Function"]["Environment"]["Variables"]
        metric = counted["MetricStat"]["Metric"]
        assert metric["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
        assert metric["Dimensions"] == [{"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}]
        # The stack's name: two stacks of one account are two farms.
        assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
        source = (ROOT / "functions/collect_logs/app.py").read_text(encoding="utf-8")
        assert f'FRAMES = "{metric["MetricName"]}"\n' in source


Series = list[float | None]


def pulses(minutes: int) -> Series:
    """Return the metric values of minutes without a frame: 0 for each, or no value without the template's pulse."""
    events = resources["CollectLogsFunction"]["Properties"].get("Events", {})
    every_minute = any(event["Properties"].get("Schedule") == "rate(1 minute)" for event in events.values())
    return [0.0 if every_minute else None] * minutes


def stuck_minutes(**series: Series) -> Series:
    """Return the value of the alarm's expression for each minute; None for no value.

    CloudWatch does not document FILL for a metric without any value: here it stays without a value.
    """
    (math,) = (each["Expression"] for each in ALARMS["JobStuckAlarm"]["Metrics"] if "Expression" in each)
    plain = math.replace(" AND ", " and ").replace("IF(", "choose(")
    for fill, name, value in re.findall(r"(FILL\((\w+), (\w+)\))", math):
        series[name] = filled(series[name], value)
        plain = plain.replace(fill, name)
    minutes = (dict(zip(series, values, strict=True)) for values in zip(*series.values(), strict=True))
    return [None if None in minute.values() else _value(plain, minute) for minute in minutes]


def _value(expression: str, values: dict[str, float | None]) -> float:
    return float(eval(expression, {"choose": lambda test, yes, no: yes if test else no, **values}))  # noqa: S307


def filled(values: Series, value: str) -> Series:
    """Return a series as FILL leaves it: gaps take the value before them, or a number."""
    if all(each is None for each in values):
        return values
    found: Series = []
    for each in values:
        last = found[-1] if found else None
        found.append(each if each is not None else last if value == "REPEAT" else float(value))
    return found


class TestStoppedJobs:
    """A job that was stopped from outside gets its report by a rule."""

    @pytest.fixture(scope="class")
    def transformed(self) -> dict[str, Any]:
        """Return the resources that SAM makes."""
        made: dict[str, Any] = local_template(ROOT / "template.yaml", {}, leave_out=())["Resources"]
        return made

    def test_the_rule_matches_stopped_and_timed_out_executions_of_this_machine(self) -> None:
        assert STOPPED["Pattern"] == {
            "source": ["aws.states"],
            "detail-type": ["Step Functions Execution Status Change"],
            "detail": {"stateMachineArn": [{"Ref": "RenderJob"}], "status": ["ABORTED", "TIMED_OUT"]},
        }

    def test_only_this_rule_may_call_its_function(self, transformed: dict[str, Any]) -> None:
        rights = [each["Properties"] for each in transformed.values() if each["Type"] == "AWS::Lambda::Permission"]
        # The schedule may call its own function.
        rules = {"LogJobFunction": "LogJobFunctionJobStopped", "CollectLogsFunction": "CollectLogsFunctionPulse"}
        assert sorted(rights, key=lambda right: right["FunctionName"]["Ref"], reverse=True) == [
            {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": function},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": [rule, "Arn"]},
            }
            for function, rule in rules.items()
        ]

    def test_it_sends_the_fields_that_its_function_reads(self) -> None:
        assert STOPPED["InputPath"] == "$.detail"


class TestAnnouncements:
    @pytest.fixture
    def states(self) -> dict[str, Any]:
        machine = json.loads((ROOT / "statemachine/render_job.asl.json").read_text(encoding="utf-8"))
        states: dict[str, Any] = machine["States"]
        return states

    def test_the_rules_match_the_machine_s_events(self, states: dict[str, Any]) -> None:
        for state in ("AnnounceSuccess", "AnnounceFailure"):
            (entry,) = states[state]["Parameters"]["Entries"]
            for rule in RULES.values():
                assert rule["EventPattern"]["source"] == [entry["Source"]]
                assert rule["EventPattern"]["detail-type"] == [entry["DetailType"]]

    def test_every_announced_status_has_its_rule(self) -> None:
        matched = [status for rule in RULES.values() for status in rule["EventPattern"]["detail"]["status"]]
        # A job that was canceled was stopped by somebody, and never announces anything.
        assert sorted(matched) == sorted([JobStatus.SUCCEEDED, JobStatus.FAILED])

    def test_a_rule_matches_only_its_own_stack(self) -> None:
        for rule in RULES.values():
            assert rule["EventPattern"]["resources"] == [{"Ref": "RenderJob"}]

    def test_the_machine_may_announce_only_on_the_default_bus_with_its_own_source(self) -> None:
        (statement,) = (each for each in statements("RenderJobRole") if each["Sid"] == "Announce")
        assert statement["Action"] == "events:PutEvents"
        assert statement["Resource"]["Fn::Sub"].endswith(":event-bus/default")
        assert statement["Condition"]["ForAllValues:StringEquals"] == {"events:source": "frameloom"}

    def test_a_message_s_fields_are_in_the_summary(self) -> None:
        for rule in RULES.values():
            (target,) = rule["Targets"]
            assert target["Arn"] == TOPIC
            transformer = target["InputTransformer"]
            text = transformer["InputTemplate"]["Fn::Sub"]
            paths = transformer["InputPathsMap"]
            assert set(re.findall(r"<(\w+)>", text)) <= set(paths)
            assert {"job", "status", "total", "bucket", "report"} <= set(re.findall(r"<(\w+)>", text))
            for path in paths.values():
                assert is_a_path_of(path, Summary.model_json_schema()), path

    def test_each_line_of_a_message_is_a_string_of_json(self) -> None:
        for rule in RULES.values():
            text = rule["Targets"][0]["InputTransformer"]["InputTemplate"]["Fn::Sub"]
            assert all(isinstance(json.loads(line), str) for line in text.splitlines())

    @pytest.mark.parametrize("status", [JobStatus.SUCCEEDED, JobStatus.FAILED])
    def test_a_message_names_the_job_its_end_its_frames_and_its_report(self, status: JobStatus) -> None:
        failed = status is JobStatus.FAILED
        summary = Summary(
            job_id="shot-20261123-060000-ab12",
            status=status,
            frames=FrameCounts(total=17, rendered=12, reused=4, missing=1),
            report=ObjectRef(bucket="logs", key="jobs/shot-20261123-060000-ab12/report.json"),
            error="FramesMissing" if failed else None,
        )
        (rule,) = (each for each in RULES.values() if each["EventPattern"]["detail"]["status"] == [status])
        lines = message(rule["Targets"][0]["InputTransformer"], {"detail": summary.to_json()})
        assert lines[0].startswith(f"Job {summary.job_id} of frameloom: {status}")
        assert ("FramesMissing" in lines[0]) == failed
        assert lines[1] == "Frames: 17; rendered 12, reused 4, missing 1."
        assert lines[2] == f"Report: s3://logs/{summary.report.key}"
        assert lines[3].endswith(f"/s3/object/logs?region=eu-central-1&prefix={summary.report.key}")
        machine = "arn:aws:states:eu-central-1:123456789012:execution:frameloom-RenderJob"
        assert lines[4].endswith(f"/executions/details/{machine}:{summary.job_id}")
        assert not any(mark in line for line in lines for mark in "<>${}")


def message(transformer: dict[str, Any], event: dict[str, Any]) -> list[str]:
    """Return EventBridge's text for an event, by its guide: a missing field becomes an empty text."""
    text = transformer["InputTemplate"]["Fn::Sub"]
    here = {"StackName": "frameloom", "Region": "eu-central-1", "Partition": "aws", "AccountId": "123456789012"}
    for name, meaning in here.items():
        text = text.replace(f"${{AWS::{name}}}", meaning)
    text = text.replace("${RenderJob.Name}", "frameloom-RenderJob")
    for name, path in transformer["InputPathsMap"].items():
        value: Any = event
        for field in path.removeprefix("$.").split("."):
            value = value.get(field, "") if isinstance(value, dict) else ""
        text = text.replace(f"<{name}>", str(value))
    return [json.loads(line) for line in text.splitlines()]


def is_a_path_of(path: str, schema: dict[str, Any]) -> bool:
    """Return whether `$.detail...` leads through the fields of a summary."""
    fields = path.removeprefix("$.detail.").split(".")
    node = schema
    for field in fields:
        options = [node, *node.get("anyOf", [])]
        nodes = [schema["$defs"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in options]
        found = [each["properties"][field] for each in nodes if field in each.get("properties", {})]
        if not found:
            return False
        node = found[0]
    return True
