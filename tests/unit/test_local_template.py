"""template.yaml becomes the CloudFormation that the emulator deploys."""

from pathlib import Path
from typing import Any

import pytest

from frameloom.local.environment import LOCAL_FILES
from frameloom.local.template import LEFT_OUT, local_template
from frameloom.model.errors import FarmUnavailable
from tests.unit.local_templates import TEMPLATE

ROOT = Path(__file__).resolve().parents[2]


def properties(transformed: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in transformed["Resources"].values() if each["Type"] == kind]


def test_code_is_the_folder_beside_the_template(template: Path) -> None:
    transformed = local_template(template, {})
    functions = [transformed["Resources"][name]["Properties"]["Code"] for name in ("One", "Two", "Elsewhere")]
    assert functions == [
        {"S3Bucket": LOCAL_FILES, "S3Key": str(template.parent / "one")},
        {"S3Bucket": LOCAL_FILES, "S3Key": str(template.parent / "shared")},
        {"S3Bucket": "bucket", "S3Key": "key.zip"},
    ]
    (layer,) = properties(transformed, "AWS::Lambda::LayerVersion")
    assert layer["Content"] == {"S3Bucket": LOCAL_FILES, "S3Key": str(template.parent / "layer")}


def test_a_definition_is_the_file_beside_the_template(template: Path) -> None:
    (machine,) = properties(local_template(template, {}), "AWS::StepFunctions::StateMachine")
    assert machine["DefinitionS3Location"] == {"Bucket": LOCAL_FILES, "Key": str(template.parent / "machine.asl.json")}
    assert machine["DefinitionSubstitutions"] == {"OneArn": {"Fn::GetAtt": ["One", "Arn"]}}


def test_sam_adds_its_resources_and_keeps_the_others(template: Path) -> None:
    transformed = local_template(template, {})
    (rule,) = properties(transformed, "AWS::Events::Rule")
    assert rule["Targets"][0]["Arn"] == {"Ref": "Machine"}
    assert len(properties(transformed, "AWS::IAM::Role")) == 5
    assert transformed["Resources"]["Queue"] == {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 120}}
    assert transformed["Outputs"] == {"QueueUrl": {"Value": {"Ref": "Queue"}}}
    assert "Transform" not in transformed


AWS_ONLY = """
Parameters:
  Cluster: {Type: String, Default: create}
Conditions:
  Pods: !Not [!Equals [!Ref Cluster, none]]
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {AlarmActions: [!Ref Topic]}}
  Nested: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested.yaml}}
  Role: {Type: AWS::IAM::Role, Properties: {RoleName: !GetAtt Nested.Outputs.Name}}
  Policy: {Type: AWS::IAM::RolePolicy, Properties: {RoleName: !Ref Role}}
  Waiting: {Type: AWS::SQS::Queue, DependsOn: Nested}
  Queue: {Type: AWS::SQS::Queue, Condition: Pods}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      Targets: [{Id: removed, Arn: !Ref Topic}, {Id: kept, Arn: !GetAtt Queue.Arn}]
Outputs:
  QueueUrl: {Value: !Ref Queue}
  TopicArn: {Value: !Ref Topic}
  RoleName: {Value: !Sub "name: ${Role}"}
  RoleArn: {Value: !Sub "arn: ${Role.Arn}"}
"""


def test_resources_of_aws_only_are_left_out_with_all_that_refer_to_them(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(AWS_ONLY)
    left = local_template(path, {})
    assert set(left["Resources"]) == {"Queue", "Rule"}
    assert set(left["Outputs"]) == {"QueueUrl"}
    assert [target["Id"] for target in left["Resources"]["Rule"]["Properties"]["Targets"]] == ["kept"]


def test_a_caller_can_keep_all_resources(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(AWS_ONLY)
    whole = local_template(path, {}, leave_out=())
    assert len(whole["Resources"]) == 8
    assert len(whole["Outputs"]) == 4


def test_the_default_is_no_cluster(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(AWS_ONLY)
    assert local_template(path, {})["Parameters"]["Cluster"]["Default"] == "none"


def test_each_left_out_type_is_in_the_farm_s_template_and_has_a_reason() -> None:
    whole = local_template(ROOT / "template.yaml", {}, leave_out=())
    assert LEFT_OUT.keys() <= {resource["Type"] for resource in whole["Resources"].values()}
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("CodeUri: ./one", "CodeUri: ./three", "three does not exist, but the template names it"),
        ("machine.asl.json", "other.asl.json", "other.asl.json does not exist, but the template names it"),
        ("ContentUri: layer/", "Content: layer/", "is not a valid SAM template: .*Layer.* is invalid"),
        ("Resources:", "Resources: [", "cannot be read"),
        (TEMPLATE, "- 1", "is not a template"),
    ],
)
def test_the_error_of_an_invalid_template_has_the_reason(template: Path, old: str, new: str, problem: str) -> None:
    template.write_text(TEMPLATE.replace(old, new))
    with pytest.raises(FarmUnavailable, match=problem):
        local_template(template, {})
