"""Rules of a farm reach their targets as in EventBridge; each canary runs unpatched moto."""

import json
import time
from typing import Any

import boto3
import pytest
from moto.events.models import events_backends

from frameloom.local.local_farm import LocalFarm
from tests.conformance.moto_farm import ACCOUNT, REGION, ROLE
from tests.small_farm import client, wait_until

EVENT: Any = {
    "id": "1",
    "detail-type": "t",
    "source": "s",
    "account": ACCOUNT,
    "time": time.time(),
    "region": REGION,
    "resources": [],
    "detail": {},
    "ingestion-time": time.time(),
}


def rule_with_target(arn: str) -> Any:
    events = events_backends[ACCOUNT][REGION]
    rule = events.put_rule("r", event_pattern='{"source": ["s"]}')
    rule.put_targets([{"Id": "1", "Arn": arn}])
    return rule


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.parametrize("target", ["states:us-east-1:1:stateMachine:m", "lambda:us-east-1:1:function:f"])
@pytest.mark.canary("events._send_to_all_targets")
def test_canary_rules_do_not_reach_state_machines_and_functions(target: str) -> None:
    with pytest.raises(NotImplementedError):
        rule_with_target(f"arn:aws:{target}").send_to_targets(EVENT)


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("events._send_to_all_targets")
def test_canary_a_disabled_rule_sends_events() -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    rule = rule_with_target(f"arn:aws:sqs:{REGION}:{ACCOUNT}:q")
    rule.disable()
    rule.send_to_targets(EVENT)
    assert len(boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]) == 1


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("events._send_to_all_targets")
def test_canary_a_rule_with_only_a_schedule_sends_every_event() -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    rule = events_backends[ACCOUNT][REGION].put_rule("r", scheduled_expression="rate(1 minute)")
    rule.put_targets([{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}])
    rule.send_to_targets(EVENT)
    assert len(boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]) == 1


def test_a_rule_with_only_a_schedule_sends_no_event(farm: LocalFarm) -> None:
    events, machines, arn = client(farm, "events"), client(farm, "stepfunctions"), farm.outputs["StateMachineArn"]
    events.put_rule(Name="pulse", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="pulse", Targets=[{"Id": "1", "Arn": arn, "RoleArn": ROLE}])
    before = len(machines.list_executions(stateMachineArn=arn)["executions"])
    events.put_events(Entries=[{"Source": "any", "DetailType": "test", "Detail": "{}"}])
    assert len(machines.list_executions(stateMachineArn=arn)["executions"]) == before


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"Input": '{"constant": 1}'}, {"constant": 1}),
        ({"InputPath": "$.detail"}, {"file": "a.blend"}),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"file": "$.detail.file"},
                    "InputTemplate": '{"name": "<file>"}',
                }
            },
            {"name": "a.blend"},
        ),
    ],
)
def test_a_rule_starts_a_state_machine_with_the_input_of_its_target(
    farm: LocalFarm, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    events, machines, arn = client(farm, "events"), client(farm, "stepfunctions"), farm.outputs["StateMachineArn"]
    source = f"test{time.time_ns()}"
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "1", "Arn": arn, "RoleArn": ROLE, **settings}])
    before = {each["executionArn"] for each in machines.list_executions(stateMachineArn=arn)["executions"]}
    entry = {"Source": source, "DetailType": "test", "Detail": '{"file": "a.blend"}'}
    events.put_events(Entries=[entry])
    after = {each["executionArn"] for each in machines.list_executions(stateMachineArn=arn)["executions"]}
    (started,) = after - before
    assert json.loads(machines.describe_execution(executionArn=started)["input"]) == expected
    events.disable_rule(Name=source)
    events.put_events(Entries=[entry])
    assert len(machines.list_executions(stateMachineArn=arn)["executions"]) == len(after)


def test_a_rule_calls_a_function(farm: LocalFarm) -> None:
    events = client(farm, "events")
    function = client(farm, "lambda").get_function(FunctionName=farm.outputs["EchoFunctionName"])["Configuration"]
    events.put_rule(Name="calls", EventPattern='{"source": ["calls"]}')
    target = {"Id": "1", "Arn": function["FunctionArn"], "Input": '{"fail": "called by a rule"}'}
    events.put_targets(Rule="calls", Targets=[target])
    events.put_events(Entries=[{"Source": "calls", "DetailType": "x", "Detail": "{}"}])
    wait_until(lambda: "called by a rule" in (farm.work_dir / "functions.log").read_text(), "the function is called")


def test_an_event_succeeds_for_its_sender_if_a_target_fails(farm: LocalFarm) -> None:
    events = client(farm, "events")
    events.put_rule(Name="lost", EventPattern='{"source": ["lost"]}')
    gone = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:gone"
    events.put_targets(Rule="lost", Targets=[{"Id": "1", "Arn": gone, "RoleArn": ROLE}])
    answer = events.put_events(Entries=[{"Source": "lost", "DetailType": "x", "Detail": "{}"}])
    assert answer["FailedEntryCount"] == 0
    wait_until(lambda: "did not reach" in (farm.work_dir / "emulator.log").read_text(), "the log has the error")
