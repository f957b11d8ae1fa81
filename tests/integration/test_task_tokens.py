"""Task tokens of Step Functions; `MemoryTokens` keeps the same contract."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from frameloom.aws.executions import MAX_CAUSE, MAX_ERROR, TaskTokens
from frameloom.aws.queue import Queue
from frameloom.services.storage.ports import Tokens, UnknownToken
from frameloom.testing import MemoryTokens

ROLE = "arn:aws:iam::123456789012:role/render-job"
LEASE = timedelta(seconds=30)


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist"])
def test_an_ended_task_is_no_error_for_either_error_code(code: str) -> None:
    states = boto3.client("stepfunctions")
    tokens = TaskTokens(states)
    with Stubber(states) as stub:
        for operation in ("send_task_heartbeat", "send_task_success", "send_task_failure"):
            stub.add_client_error(operation, code)
        assert tokens.beat("token") is False
        assert tokens.succeed("token", {}) is False
        assert tokens.fail("token", error="E", cause="c") is False
        stub.assert_no_pending_responses()


def test_an_unknown_token_is_an_error_not_an_ended_task() -> None:
    states = boto3.client("stepfunctions")
    tokens = TaskTokens(states)
    with Stubber(states) as stub:
        for operation in ("send_task_heartbeat", "send_task_success", "send_task_failure"):
            stub.add_client_error(operation, "InvalidToken")
        for answer in (tokens.beat, lambda token: tokens.succeed(token, {})):
            with pytest.raises(UnknownToken):
                answer("token")
        with pytest.raises(UnknownToken):
            tokens.fail("token", error="E", cause="c")
        stub.assert_no_pending_responses()


def test_other_errors_of_step_functions_are_raised() -> None:
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_client_error("send_task_heartbeat", "AccessDeniedException")
        with pytest.raises(ClientError):
            TaskTokens(states).beat("token")


def test_errors_and_causes_are_cut_to_the_limits_of_step_functions() -> None:
    states = boto3.client("stepfunctions")
    with Stubber(states) as stub:
        stub.add_response("send_task_success", {}, {"taskToken": "token", "output": '{"rendered": 3}'})
        stub.add_response(
            "send_task_failure", {}, {"taskToken": "token", "error": "E" * MAX_ERROR, "cause": "c" * MAX_CAUSE}
        )
        tokens = TaskTokens(states)
        assert tokens.succeed("token", {"rendered": 3}) is True
        assert tokens.fail("token", error="E" * 1000, cause="c" * 100_000) is True


WAITING = {
    "StartAt": "Wait",
    "States": {
        "Wait": {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "", "MessageBody": {"token.$": "$$.Task.Token"}},
            "HeartbeatSeconds": 60,
            "TimeoutSeconds": 120,
            "End": True,
        }
    },
}


@pytest.fixture
def token() -> Iterator[Callable[[], str]]:
    """Tokens of executions that wait for them."""
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        states = boto3.client("stepfunctions")
        queue = Queue(boto3.client("sqs").create_queue(QueueName="chunks")["QueueUrl"])
        WAITING["States"]["Wait"]["Parameters"]["QueueUrl"] = queue.url  # type: ignore[index]
        machine = states.create_state_machine(name="m", definition=json.dumps(WAITING), roleArn=ROLE)["stateMachineArn"]

        def start() -> str:
            states.start_execution(stateMachineArn=machine, input="{}", name="wait")
            message = queue.receive(lease=LEASE, wait=timedelta(seconds=10))
            assert message is not None
            found: str = json.loads(message.body)["token"]
            return found

        yield start


def test_tokens_are_alive_until_they_are_answered(token: Callable[[], str]) -> None:
    tokens, alive = TaskTokens(), token()
    assert tokens.beat(alive) is True
    assert tokens.succeed(alive, {"rendered": 3}) is True
    with pytest.raises(UnknownToken):
        tokens.beat("nobody's")


def test_memory_tokens_accept_one_result() -> None:
    tokens = MemoryTokens()
    port: Tokens = tokens
    assert tokens.beat("token")
    assert tokens.succeed("token", {"rendered": 3})
    assert not port.fail("token", error="E", cause="c")
    assert not tokens.beat("token")
    assert tokens.answers["token"].output == {"rendered": 3}
