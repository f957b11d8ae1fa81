"""template.yaml becomes the CloudFormation that the emulator deploys."""

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from frameloom.local.environment import LOCAL_FILES
from frameloom.local.shared_imports import warm_up
from frameloom.local.stub_services import needs_every_service
from frameloom.local.template import LEFT_OUT, local_template
from frameloom.local.template_cache import cached_template
from frameloom.model.errors import FarmUnavailable

ROOT = Path(__file__).resolve().parents[2]

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Level: {Type: String, Default: INFO}
Globals:
  Function:
    Runtime: python3.13
    Handler: app.handler
    CodeUri: shared
    Environment: {Variables: {LEVEL: !Ref Level}}
Resources:
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
  One: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./one, Layers: [!Ref Layer]}}
  Two: {Type: AWS::Serverless::Function}
  Elsewhere: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://bucket/key.zip}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {OneArn: !GetAtt One.Arn}
      Events:
        Uploaded: {Type: EventBridgeRule, Properties: {Pattern: {source: [aws.s3]}}}
  Queue: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 120}}
Outputs:
  QueueUrl: {Value: !Ref Queue}
"""

WITH_LAYER = "{Type: AWS::Serverless::Function, Properties: {Layers: [!Ref Layer]}}"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    for folder in ("shared", "one", "layer"):
        (tmp_path / folder).mkdir()
    (tmp_path / "machine.asl.json").write_text("{}")
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


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


def test_what_sam_adds_is_there_and_what_it_does_not_know_stays(template: Path) -> None:
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
      Targets: [{Id: told, Arn: !Ref Topic}, {Id: kept, Arn: !GetAtt Queue.Arn}]
Outputs:
  QueueUrl: {Value: !Ref Queue}
  TopicArn: {Value: !Ref Topic}
  RoleName: {Value: !Sub "name: ${Role}"}
  RoleArn: {Value: !Sub "arn: ${Role.Arn}"}
"""


def test_what_a_farm_on_one_machine_has_no_use_for_is_left_out_with_all_that_refers_to_it(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(AWS_ONLY)
    left = local_template(path, {})
    assert set(left["Resources"]) == {"Queue", "Rule"}
    assert set(left["Outputs"]) == {"QueueUrl"}
    assert [target["Id"] for target in left["Resources"]["Rule"]["Properties"]["Targets"]] == ["kept"]


def test_a_caller_may_have_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(AWS_ONLY)
    whole = local_template(path, {}, leave_out=())
    assert len(whole["Resources"]) == 8
    assert len(whole["Outputs"]) == 4


def test_there_is_no_cluster_unless_somebody_asks_for_one(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text(AWS_ONLY)
    assert local_template(path, {})["Parameters"]["Cluster"]["Default"] == "none"


def test_everything_that_is_left_out_is_in_the_farm_s_template_and_has_a_reason() -> None:
    whole = local_template(ROOT / "template.yaml", {}, leave_out=())
    assert LEFT_OUT.keys() <= {resource["Type"] for resource in whole["Resources"].values()}
    assert all(LEFT_OUT.values())


def test_the_farm_s_own_template_needs_no_more_of_aws_than_the_emulator_keeps(tmp_path: Path) -> None:
    transformed = cached_template(ROOT / "template.yaml", {}, folder=tmp_path)
    assert not needs_every_service(transformed)
    transformed["Resources"]["Table"] = {"Type": "AWS::DynamoDB::Table"}
    assert needs_every_service(transformed)


def test_functions_of_this_machine_are_known_with_the_layers_that_all_of_them_have(template: Path) -> None:
    one, two = f"{template.parent}/one/app.py", f"{template.parent}/shared/app.py"
    assert warm_up(local_template(template, {})) == {"handlers": [one, two], "layers": []}
    template.write_text(TEMPLATE.replace("{Type: AWS::Serverless::Function}", WITH_LAYER))
    layer = template.parent / "layer"
    assert warm_up(local_template(template, {})) == {
        "handlers": [one, two],
        "layers": [str(layer / "python"), str(layer)],
    }
    assert warm_up({"Resources": {}}) == {"handlers": [], "layers": []}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("CodeUri: ./one", "CodeUri: ./three", "three is not there, but the template names it"),
        ("machine.asl.json", "other.asl.json", "other.asl.json is not there, but the template names it"),
        ("ContentUri: layer/", "Content: layer/", "is no valid SAM template: .*Layer.* is invalid"),
        ("Resources:", "Resources: [", "cannot be read"),
        (TEMPLATE, "- 1", "is no template"),
    ],
)
def test_a_wrong_template_is_told_in_a_sentence(template: Path, old: str, new: str, problem: str) -> None:
    template.write_text(TEMPLATE.replace(old, new))
    with pytest.raises(FarmUnavailable, match=problem):
        local_template(template, {})


def test_a_template_is_transformed_once(template: Path, tmp_path: Path) -> None:
    first = cached_template(template, {}, folder=tmp_path / "cache")
    (remembered,) = (tmp_path / "cache").iterdir()
    remembered.write_text(json.dumps({"remembered": True}))
    assert cached_template(template, {}, folder=tmp_path / "cache") == {"remembered": True}
    remembered.write_text("{")
    assert cached_template(template, {}, folder=tmp_path / "cache") == first, "half a file is none"
    template.write_text(TEMPLATE.replace("VisibilityTimeout: 120", "VisibilityTimeout: 60"))
    changed = cached_template(template, {}, folder=tmp_path / "cache")
    assert changed["Resources"]["Queue"]["Properties"] == {"VisibilityTimeout": 60}


def test_a_home_that_cannot_be_written_does_not_matter(template: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cached_template(template, {}, folder=tmp_path / "file" / "cache")["Resources"]


def test_the_cache_knows_which_translator_made_what_it_holds(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_template(template, {}, folder=tmp_path / "cache")
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "next")
    cached_template(template, {}, folder=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
