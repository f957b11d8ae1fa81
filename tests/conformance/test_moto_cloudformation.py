"""A farm's stack has the resources of its template; each canary runs unpatched moto."""

import json
from typing import Any

import boto3
import moto.stepfunctions.models as stepfunctions_models
import pytest
from moto.cloudformation.models import Stack
from moto.core.config import default_user_config
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from frameloom.local.local_farm import LocalFarm
from frameloom.local.moto_patches.speed import template_json
from tests.conformance.moto_farm import ACCOUNT, REGION, ROLE, deploy
from tests.small_farm import MINI_FARM, client

ASL = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name"}, "End": True}}}


def machine(**properties: Any) -> dict[str, Any]:
    return {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"RoleArn": ROLE, **properties}}}


def test_a_template_in_json_is_parsed_as_json() -> None:
    parse = template_json._parse_json_first(lambda template: f"YAML {template}").__func__
    assert parse('{"a": 1}') == {"a": 1}
    assert parse("a: !Ref b") == "YAML a: !Ref b"


@pytest.mark.canary("template_json._parse_json_first")
def test_canary_a_template_in_json_is_parsed_as_yaml() -> None:
    # A number in YAML that JSON does not have.
    assert Stack.parse_template('{"a": 0x10}') == {"a": 16}


@pytest.mark.canary("signing._sign_with")
def test_canary_state_machines_sign_with_a_fixed_key() -> None:
    credentials = boto_client_for(REGION, "sqs")._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key) == ("ak", "sk")


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("cloudformation._use_executing_backends")
def test_canary_state_machines_of_a_stack_do_not_execute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(default_user_config, "stepfunctions", {"execute_state_machine": True})
    deploy(boto3.client("cloudformation"), machine(DefinitionString=json.dumps(ASL)))
    assert len(stepfunctions_models.stepfunctions_backends[ACCOUNT][REGION].state_machines) == 1
    assert stepfunctions_parser_backends[ACCOUNT][REGION].state_machines == []


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("cloudformation._create_with_definition")
def test_canary_definitions_are_not_filled_in() -> None:
    deploy(
        boto3.client("cloudformation"),
        machine(
            DefinitionString='{"Comment": "${Name}"}',
            DefinitionSubstitutions={"Name": "x"},
            StateMachineType="EXPRESS",
        ),
    )
    deploy(boto3.client("cloudformation"), machine(DefinitionS3Location={"Bucket": "b", "Key": "k"}))
    filled, stored = stepfunctions_models.stepfunctions_backends[ACCOUNT][REGION].state_machines
    assert filled.definition == '{"Comment": "${Name}"}'
    assert filled.type == "STANDARD"
    assert stored.definition == ""


def test_state_machines_of_a_stack_have_the_definition_of_the_template(farm: LocalFarm) -> None:
    machines, arn = client(farm, "stepfunctions"), farm.outputs["StateMachineArn"]
    definition = machines.describe_state_machine(stateMachineArn=arn)["definition"]
    source = (MINI_FARM / "machine.asl.json").read_text()
    function = client(farm, "lambda").get_function(FunctionName=farm.outputs["EchoFunctionName"])
    assert definition == source.replace("${EchoFunctionArn}", function["Configuration"]["FunctionArn"])


def test_only_given_placeholders_are_filled_in_and_those_in_values_stay(farm: LocalFarm) -> None:
    asl = {**ASL, "Comment": "${Given} ${Unknown} ${Again}"}
    outputs = deploy(
        client(farm, "cloudformation"),
        machine(
            DefinitionString=json.dumps(asl),
            DefinitionSubstitutions={"Given": "${Again}", "Again": "2"},
            StateMachineType="EXPRESS",
        ),
        {"Arn": {"Ref": "M"}},
    )
    machines = client(farm, "stepfunctions")
    described = machines.describe_state_machine(stateMachineArn=outputs["Arn"])
    assert json.loads(described["definition"])["Comment"] == "${Again} ${Unknown} 2"
    assert described["type"] == "EXPRESS"


SUBSTITUTED = {"Fn::Sub": ["$$.Execution of ${Name}, $5, ${AWS::Region}", {"Name": "a$$b"}]}


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.canary("cloudformation._keep_doubled_dollars")
def test_canary_a_substitution_with_values_loses_dollars() -> None:
    queue = {"Q": {"Type": "AWS::SQS::Queue"}}
    assert deploy(boto3.client("cloudformation"), queue, {"Text": SUBSTITUTED})["Text"].startswith("$.Execution")


def test_a_substitution_with_values_keeps_dollars(farm: LocalFarm) -> None:
    queue = {"Q": {"Type": "AWS::SQS::Queue"}}
    outputs = deploy(client(farm, "cloudformation"), queue, {"Text": SUBSTITUTED})
    assert outputs["Text"] == "$$.Execution of a$$b, $5, us-east-1"
