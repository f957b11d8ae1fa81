"""What moto lacks, mended: for each mend a canary on moto as it is, which fails once moto no longer needs the mend,
and a test of what a farm has instead. Step Functions have a file of their own.

This process never mends its moto: canaries look at it, and the farm is another process.
"""

import io
import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import moto.stepfunctions.models as stepfunctions_models
import psutil
import pytest
from moto import mock_aws, settings
from moto.awslambda.models import LambdaFunction, LayerVersion
from moto.cloudformation.models import Stack as CloudFormationStack
from moto.core.config import default_user_config
from moto.events.models import events_backends
from moto.s3 import notifications
from moto.s3.models import S3Backend, s3_backends
from moto.sqs.models import Message, sqs_backends
from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from frameloom.local.local_farm import LocalFarm
from frameloom.local.moto_patches.correctness import cloudformation

MINI_FARM = Path(__file__).parents[1] / "integration" / "fixtures" / "mini_farm"
ACCOUNT, REGION = "123456789012", "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
ASL = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"name.$": "$$.Execution.Name"}, "End": True}}}


@pytest.fixture
def plain_moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("VALIDATE_LAMBDA_S3", "false")
    # In a container, moto would ask docker where this machine is.
    monkeypatch.setattr(settings, "is_docker", lambda: False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_REGION", REGION)
    with mock_aws():
        yield


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFarm]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAMELOOM_HOME", str(tmp_path_factory.mktemp("home")))
        with LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path_factory.mktemp("farm")) as farm:
            yield farm


def client(farm: LocalFarm, service: str) -> Any:
    key, secret = (farm.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name=REGION)
    return session.client(service, endpoint_url=farm.endpoint)  # type: ignore[call-overload]  # any service


def deploy(
    cloudformation: Any, resources: Mapping[str, Any], outputs: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Create a stack and return its outputs."""
    template = {"Resources": resources, "Outputs": {name: {"Value": value} for name, value in (outputs or {}).items()}}
    name = f"stack{time.time_ns()}"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def machine(**properties: Any) -> dict[str, Any]:
    return {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"RoleArn": ROLE, **properties}}}


# ── Services that stay out ─────────────────────────────────────────────────────────────────────────────────────


def modules_after(*statements: str) -> set[str]:
    """Return the services of moto that a fresh process has imported after some statements."""
    program = "\n".join([*statements, "import sys", "print(*(n for n in sys.modules if n.startswith('moto.')))"])
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.split(".")[1] for name in ended.stdout.split()}


def test_a_template_in_json_is_read_as_json() -> None:
    mended = cloudformation._reads_json_as_json(lambda template: f"YAML {template}").__func__
    assert mended('{"a": 1}') == {"a": 1}
    assert mended("a: !Ref b") == "YAML a: !Ref b"


def test_canary_cloudformation_reads_json_as_yaml() -> None:
    # What JSON knows nothing of.
    assert CloudFormationStack.parse_template('{"a": 0x10}') == {"a": 16}


def test_canary_state_machines_sign_with_a_key_of_moto_s_own() -> None:
    credentials = boto_client_for(REGION, "sqs")._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key) == ("ak", "sk")


def test_canary_cloudformation_imports_what_no_farm_needs() -> None:
    services = modules_after("import moto.cloudformation.models, moto.stepfunctions.parser.models")
    assert {"ec2", "batch", "rds", "sagemaker"} <= services


def test_the_emulator_does_without_the_services_that_no_farm_needs() -> None:
    program = """
import sys
from frameloom.local import absent_services
absent_services.apply()
import frameloom.local.server
print(*sorted({n for n, m in sys.modules.items() if n.startswith('moto.') and getattr(m, '__file__', None)}))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    services = {name.split(".")[1] for name in ended.stdout.split()}
    assert services.isdisjoint({"ec2", "batch", "rds", "sagemaker"})
    assert services >= {"s3", "sqs", "events", "stepfunctions", "awslambda", "cloudformation", "iam", "logs"}


def test_canary_each_service_is_looked_for_in_all_folders_of_descriptions() -> None:
    program = "from moto.core.utils import create_loader; print(create_loader() is create_loader())"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"


# ── Lambda ─────────────────────────────────────────────────────────────────────────────────────────────────────


def make_function(functions: Any) -> str:
    """Create a function of no consequence and return its name."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): return {'ran': True}")
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    functions.create_function(
        FunctionName="f", Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": code.getvalue()}
    )
    return "f"


@pytest.mark.usefixtures("plain_moto")
def test_canary_moto_runs_functions_in_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    class DockerWanted(Exception):
        pass

    def docker_client(_self: Any) -> Any:
        raise DockerWanted

    monkeypatch.setattr(LambdaFunction, "docker_client", property(docker_client))
    functions = boto3.client("lambda")
    name = make_function(functions)
    with pytest.raises(DockerWanted):
        functions.invoke(FunctionName=name)


@pytest.mark.usefixtures("plain_moto")
def test_canary_moto_calls_an_error_handled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", lambda *_, **__: ("{}", True, ""))
    functions = boto3.client("lambda")
    assert functions.invoke(FunctionName=make_function(functions))["FunctionError"] == "Handled"


@pytest.mark.usefixtures("plain_moto")
def test_canary_moto_makes_the_caller_of_an_asynchronous_invocation_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    functions, threads = boto3.client("lambda"), []

    def run(*_args: Any, **_kwargs: Any) -> tuple[str, bool, str]:
        threads.append(threading.current_thread())
        return "{}", False, ""

    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", run)
    functions.invoke(FunctionName=make_function(functions), InvocationType="Event")
    assert threads == [threading.current_thread()]


def test_functions_run_and_fail_as_in_lambda(farm: LocalFarm) -> None:
    functions, name = client(farm, "lambda"), farm.outputs["EchoFunctionName"]
    answer = functions.invoke(FunctionName=name, Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read())["a"] == 1
    failed = functions.invoke(FunctionName=name, Payload=b'{"fail": "no"}')
    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")


def test_an_asynchronous_invocation_is_accepted_and_runs(farm: LocalFarm) -> None:
    answer = client(farm, "lambda").invoke(
        FunctionName=farm.outputs["EchoFunctionName"], Payload=b'{"fail": "later"}', InvocationType="Event"
    )
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    wait_until(lambda: '"later"' in (farm.work_dir / "functions.log").read_text(), "the function runs")


@pytest.mark.usefixtures("plain_moto")
def test_canary_functions_of_a_stack_have_no_layers_and_a_layer_no_arn() -> None:
    content = {"S3Bucket": "b", "S3Key": "k"}
    layer = {"L": {"Type": "AWS::Lambda::LayerVersion", "Properties": {"Content": content}}}
    properties = {"Code": content, "Role": ROLE, "Runtime": "python3.13", "Layers": ["arn:none"]}
    boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    deploy(boto3.client("cloudformation"), {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}, **layer})
    (function,) = boto3.client("lambda").list_functions()["Functions"]
    assert not function.get("Layers")
    assert not hasattr(LayerVersion, "physical_resource_id")


def test_functions_of_a_stack_have_their_layers(farm: LocalFarm) -> None:
    functions = client(farm, "lambda")
    configuration = functions.get_function_configuration(FunctionName=farm.outputs["EchoFunctionName"])
    assert [":layer:" in layer["Arn"] for layer in configuration["Layers"]] == [True]


# ── CloudFormation ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("plain_moto")
def test_canary_state_machines_of_a_stack_land_where_nothing_executes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(default_user_config, "stepfunctions", {"execute_state_machine": True})
    deploy(boto3.client("cloudformation"), machine(DefinitionString=json.dumps(ASL)))
    assert len(stepfunctions_models.stepfunctions_backends[ACCOUNT][REGION].state_machines) == 1
    assert stepfunctions_parser_backends[ACCOUNT][REGION].state_machines == []


@pytest.mark.usefixtures("plain_moto")
def test_canary_definitions_are_taken_as_they_are() -> None:
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


def test_state_machines_of_a_stack_execute_the_definition_that_they_are_given(farm: LocalFarm) -> None:
    machines, arn = client(farm, "stepfunctions"), farm.outputs["StateMachineArn"]
    definition = machines.describe_state_machine(stateMachineArn=arn)["definition"]
    source = (MINI_FARM / "machine.asl.json").read_text()
    function = client(farm, "lambda").get_function(FunctionName=farm.outputs["EchoFunctionName"])
    assert definition == source.replace("${EchoFunctionArn}", function["Configuration"]["FunctionArn"])


def test_only_names_that_are_given_are_filled_in_and_values_are_not_read_again(farm: LocalFarm) -> None:
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
def test_canary_a_substitution_with_values_eats_dollars() -> None:
    queue = {"Q": {"Type": "AWS::SQS::Queue"}}
    assert deploy(boto3.client("cloudformation"), queue, {"Text": SUBSTITUTED})["Text"].startswith("$.Execution")


def test_a_substitution_with_values_keeps_dollars(farm: LocalFarm) -> None:
    queue = {"Q": {"Type": "AWS::SQS::Queue"}}
    outputs = deploy(client(farm, "cloudformation"), queue, {"Text": SUBSTITUTED})
    assert outputs["Text"] == "$$.Execution of a$$b, $5, us-east-1"


BUCKET = {
    "B": {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "VersioningConfiguration": {"Status": "Enabled"},
            "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        },
    }
}


@pytest.mark.usefixtures("plain_moto")
def test_canary_buckets_of_a_stack_lack_versions_and_events() -> None:
    name = deploy(boto3.client("cloudformation"), BUCKET, {"Name": {"Ref": "B"}})["Name"]
    bucket = s3_backends[ACCOUNT]["aws"].get_bucket(name)
    assert bucket.versioning_status is None
    assert bucket.notification_configuration is None


def test_buckets_of_a_stack_keep_versions(farm: LocalFarm) -> None:
    s3, bucket = client(farm, "s3"), farm.outputs["ScenesBucketName"]
    first, second = (s3.put_object(Bucket=bucket, Key="twice", Body=body)["VersionId"] for body in (b"1", b"2"))
    assert s3.get_object(Bucket=bucket, Key="twice", VersionId=first)["Body"].read() == b"1"
    assert first != second


@pytest.mark.usefixtures("plain_moto")
def test_canary_objects_fill_the_memory_and_then_the_descriptors() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    for megabytes in (4, 6):
        s3.put_object(Bucket="bucket", Key=str(megabytes), Body=bytes(megabytes * 2**20))
    small, large = (s3_backends[ACCOUNT]["aws"].get_object("bucket", key) for key in ("4", "6"))
    assert small._value_buffer._rolled is False
    assert large._value_buffer._rolled is True
    assert large._value_buffer.fileno() >= 0, "the file is open"


def in_parts(s3: Any, bucket: str, key: str, body: bytes, **condition: str) -> None:
    """Write an object as an upload in parts, on a condition."""
    place = {"Bucket": bucket, "Key": key, "UploadId": s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]}
    tag = s3.upload_part(**place, PartNumber=1, Body=body)["ETag"]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **condition)


def raced(s3: Any, bucket: str, key: str, rounds: int) -> int:
    """Return how many of two uploads at once that want no object there were let through, in so many rounds."""

    def write(name: str) -> bool:
        try:
            in_parts(s3, bucket, name, b"film" * 500_000, IfNoneMatch="*")
        except s3.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "PreconditionFailed"  # noqa: PT017
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        return sum(sum(pool.map(write, [f"{key}-{number}"] * 2)) for number in range(rounds))


@pytest.mark.usefixtures("plain_moto")
def test_canary_the_end_of_an_upload_in_parts_does_not_ask_what_it_may_replace() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    in_parts(s3, "bucket", "film.mp4", b"first")
    in_parts(s3, "bucket", "film.mp4", b"second", IfMatch="another")
    assert s3.get_object(Bucket="bucket", Key="film.mp4")["Body"].read() == b"second"


@pytest.mark.usefixtures("plain_moto")
def test_canary_two_uploads_that_want_no_object_there_both_find_none(monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    barrier, complete = threading.Barrier(2, timeout=10), S3Backend.complete_multipart_upload

    def together(*args: Any) -> Any:
        barrier.wait()
        return complete(*args)

    monkeypatch.setattr(S3Backend, "complete_multipart_upload", together)
    assert raced(s3, "bucket", "film.mp4", rounds=1) == 2


def test_a_conditional_write_replaces_what_it_names_and_one_of_two_finds_the_other(farm: LocalFarm) -> None:
    s3, bucket = client(farm, "s3"), farm.outputs["ScenesBucketName"]
    in_parts(s3, bucket, "film.mp4", b"first", IfNoneMatch="*")
    first = s3.head_object(Bucket=bucket, Key="film.mp4")["ETag"]
    in_parts(s3, bucket, "film.mp4", b"second", IfMatch=first)
    for key, code in (("film.mp4", "PreconditionFailed"), ("gone.mp4", "NoSuchKey")):
        with pytest.raises(s3.exceptions.ClientError, match=code):
            in_parts(s3, bucket, key, b"third", IfMatch=first)
    assert s3.get_object(Bucket=bucket, Key="film.mp4")["Body"].read() == b"second"
    assert raced(s3, bucket, "raced.mp4", rounds=5) == 5


def test_large_objects_lie_in_files_that_nobody_holds_open(farm: LocalFarm) -> None:
    s3, bucket, content = client(farm, "s3"), farm.outputs["LogBucketName"], bytes(range(256)) * 400
    before = len(list((farm.work_dir / "tmp").glob("object-*")))
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"objects/{number}", Body=content)
    s3.put_object(Bucket=bucket, Key="objects/small", Body=content[:1000])
    files = list((farm.work_dir / "tmp").glob("object-*"))
    assert len(files) == before + 3
    held = {opened.path for child in psutil.Process().children(recursive=True) for opened in child.open_files()}
    assert held.isdisjoint(map(str, files))
    assert s3.get_object(Bucket=bucket, Key="objects/1")["Body"].read() == content
    assert s3.get_object(Bucket=bucket, Key="objects/1", Range="bytes=3-5")["Body"].read() == content[3:6]
    assert s3.get_object(Bucket=bucket, Key="objects/small")["Body"].read() == content[:1000]
    s3.put_object(Bucket=bucket, Key="objects/0", Body=b"now small")
    assert s3.get_object(Bucket=bucket, Key="objects/0")["Body"].read() == b"now small"
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"objects/{name}"} for name in (0, 1, 2, "small")]})
    wait_until(lambda: len(list((farm.work_dir / "tmp").glob("object-*"))) <= before, "what is deleted leaves the disk")


# ── Events ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, bool]]:
    """Events of plain moto's S3: the event's name, and whether the object had its metadata by then."""
    events: list[tuple[Any, bool]] = []
    monkeypatch.setattr(
        notifications,
        "_send_event_bridge_message",
        lambda _account, _bucket, name, key: events.append((name, "frames" in str(key.metadata))),
    )
    return events


def plain_bucket() -> Any:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="scenes")
    s3.put_bucket_notification_configuration(
        Bucket="scenes", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return s3


@pytest.mark.usefixtures("plain_moto")
def test_canary_objects_are_announced_before_their_metadata_and_with_events_of_their_tags(
    sent: list[tuple[Any, bool]],
) -> None:
    plain_bucket().put_object(Bucket="scenes", Key="a.blend", Metadata={"frames": "1-3"})
    (first, had_metadata), (second, _) = sent
    assert (first, had_metadata) == ("s3:ObjectCreated:Put", False)
    assert second == "s3:ObjectTagging:Put"


@pytest.mark.usefixtures("plain_moto")
def test_canary_large_uploads_are_announced_twice(sent: list[tuple[Any, bool]]) -> None:
    large_upload(plain_bucket(), "scenes", "a.blend")
    names = [name for name, _ in sent]
    assert {"s3:ObjectCreated:Put", "s3:ObjectCreated:CompleteMultipartUpload"} <= set(names)


@pytest.mark.usefixtures("plain_moto")
def test_canary_events_do_not_have_the_shape_of_s3_s() -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    rule_to_queue(boto3.client("events"), "q")
    plain_bucket().put_object(Bucket="scenes", Key="a.blend")
    received = boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]
    stored = json.loads(received[0]["Body"])["detail"]
    assert "eTag" in stored["object"]
    assert stored["reason"] == "ObjectCreated"


def test_objects_are_announced_once_with_their_metadata_in_the_shape_of_s3_s(farm: LocalFarm) -> None:
    s3, sqs, bucket = client(farm, "s3"), client(farm, "sqs"), farm.outputs["ScenesBucketName"]
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    rule_to_queue(client(farm, "events"), "heard")
    s3.put_object(Bucket=bucket, Key="put", Body=b"12", Metadata={"frames": "1-3"})
    large_upload(s3, bucket, "large")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "put"})
    events = [json.loads(message["Body"]) for message in drain(sqs, url)]
    assert [(event["detail"]["object"]["key"], event["detail"]["reason"]) for event in events] == [
        ("put", "PutObject"),
        ("large", "CompleteMultipartUpload"),
        ("copy", "CopyObject"),
    ]
    assert len({event["id"] for event in events}) == 3
    sequence = [event["detail"]["object"]["sequencer"] for event in events]
    assert sequence == sorted(sequence)


@pytest.mark.usefixtures("plain_moto")
@pytest.mark.parametrize("target", ["states:us-east-1:1:stateMachine:m", "lambda:us-east-1:1:function:f"])
def test_canary_rules_do_not_reach_state_machines_and_functions(target: str) -> None:
    with pytest.raises(NotImplementedError):
        rule_with_target(f"arn:aws:{target}").send_to_targets(EVENT)


@pytest.mark.usefixtures("plain_moto")
def test_canary_a_disabled_rule_reaches_its_targets() -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    rule = rule_with_target(f"arn:aws:sqs:{REGION}:{ACCOUNT}:q")
    rule.disable()
    rule.send_to_targets(EVENT)
    assert len(boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]) == 1


@pytest.mark.usefixtures("plain_moto")
def test_canary_a_rule_with_a_schedule_alone_reaches_its_targets_with_every_event() -> None:
    queue = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    rule = events_backends[ACCOUNT][REGION].put_rule("r", scheduled_expression="rate(1 minute)")
    rule.put_targets([{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"}])
    rule.send_to_targets(EVENT)
    assert len(boto3.client("sqs").receive_message(QueueUrl=queue)["Messages"]) == 1


def test_a_rule_with_a_schedule_alone_hears_no_event(farm: LocalFarm) -> None:
    events, machines, arn = client(farm, "events"), client(farm, "stepfunctions"), farm.outputs["StateMachineArn"]
    events.put_rule(Name="pulse", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="pulse", Targets=[{"Id": "1", "Arn": arn, "RoleArn": ROLE}])
    before = len(machines.list_executions(stateMachineArn=arn)["executions"])
    events.put_events(Entries=[{"Source": "any", "DetailType": "test", "Detail": "{}"}])
    assert len(machines.list_executions(stateMachineArn=arn)["executions"]) == before


@pytest.mark.parametrize(
    ("settings", "given"),
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
def test_rules_give_state_machines_what_the_target_asks_for(
    farm: LocalFarm, settings: dict[str, Any], given: dict[str, Any]
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
    assert json.loads(machines.describe_execution(executionArn=started)["input"]) == given
    events.disable_rule(Name=source)
    events.put_events(Entries=[entry])
    assert len(machines.list_executions(stateMachineArn=arn)["executions"]) == len(after)


def test_rules_call_functions(farm: LocalFarm) -> None:
    events = client(farm, "events")
    function = client(farm, "lambda").get_function(FunctionName=farm.outputs["EchoFunctionName"])["Configuration"]
    events.put_rule(Name="calls", EventPattern='{"source": ["calls"]}')
    target = {"Id": "1", "Arn": function["FunctionArn"], "Input": '{"fail": "called by a rule"}'}
    events.put_targets(Rule="calls", Targets=[target])
    events.put_events(Entries=[{"Source": "calls", "DetailType": "x", "Detail": "{}"}])
    wait_until(lambda: "called by a rule" in (farm.work_dir / "functions.log").read_text(), "the function is called")


def test_an_event_whose_target_fails_does_not_fail_who_caused_it(farm: LocalFarm) -> None:
    events = client(farm, "events")
    events.put_rule(Name="lost", EventPattern='{"source": ["lost"]}')
    gone = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:gone"
    events.put_targets(Rule="lost", Targets=[{"Id": "1", "Arn": gone, "RoleArn": ROLE}])
    answer = events.put_events(Entries=[{"Source": "lost", "DetailType": "x", "Detail": "{}"}])
    assert answer["FailedEntryCount"] == 0
    wait_until(lambda: "did not reach" in (farm.work_dir / "emulator.log").read_text(), "the log says so")


# ── Queues ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("plain_moto")
def test_canary_two_receivers_can_get_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("sqs").create_queue(QueueName="q")
    queues = sqs_backends[ACCOUNT][REGION]
    queues.send_message("q", "once")
    assert len(received_by_two(queues, monkeypatch)) == 2


@pytest.mark.usefixtures("plain_moto")
def test_canary_a_deletion_is_undone_by_another_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3.client("sqs").create_queue(QueueName="q")
    queues = sqs_backends[ACCOUNT][REGION]
    delete_two_at_once(queues, monkeypatch)
    assert [message.body for message in queues.get_queue("q")._messages] == ["second"]


MENDED_QUEUES = """
import sys, threading
sys.path.insert(0, {root!r})
from frameloom.local.moto_patches import sqs
sqs.apply()
import pytest
from moto.sqs.models import sqs_backends
from tests.conformance import test_moto_mends as mends
queues = sqs_backends["123456789012"]["us-east-1"]
queues.create_queue("q", None, region="us-east-1")
with pytest.MonkeyPatch.context() as patch:
    queues.send_message("q", "once")
    (found,) = mends.received_by_two(queues, patch)
    queues.delete_message("q", found.receipt_handle)
    mends.delete_two_at_once(queues, patch)
print(queues.get_queue("q")._messages)
"""


def test_each_message_goes_to_one_receiver_and_what_is_deleted_stays_so() -> None:
    program = MENDED_QUEUES.format(root=str(Path(__file__).parents[2]))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "[]", ended.stderr


def received_by_two(queues: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what two receivers get of a queue when the first is slow to take what it has found."""
    original, found = Message.mark_received, []

    def slowly(self: Message, *args: Any, **kwargs: Any) -> None:
        time.sleep(0.3)
        original(self, *args, **kwargs)

    monkeypatch.setattr(Message, "mark_received", slowly)
    receivers = [threading.Thread(target=lambda: found.extend(queues.receive_message("q", 1, 0, 30))) for _ in "ab"]
    for receiver in receivers:
        receiver.start()
        time.sleep(0.1)
    for receiver in receivers:
        receiver.join()
    return found


def delete_two_at_once(queues: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Delete two messages, the second while the first deletion goes through the queue's messages."""
    for body in ("first", "second"):
        queues.send_message("q", body)
    first, second = queues.receive_message("q", 2, 0, 30)
    original, looks = Message.had_receipt_handle, []

    def looked_for(self: Message, receipt_handle: str) -> bool:
        if receipt_handle == first.receipt_handle:
            looks.append(receipt_handle)
            # Once for whether there is such a message at all, then for each that is to stay.
            if len(looks) == 2:
                other.start()
                # Where nothing holds it up, it is done by then.
                other.join(0.3)
        return bool(original(self, receipt_handle))

    other = threading.Thread(target=queues.delete_message, args=("q", second.receipt_handle))
    monkeypatch.setattr(Message, "had_receipt_handle", looked_for)
    queues.delete_message("q", first.receipt_handle)
    other.join()


@pytest.mark.usefixtures("plain_moto")
def test_canary_functions_are_fed_by_who_sends_one_message_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def record(_self: Any, event: Any = None) -> tuple[str, bool, str]:
        calls.append((threading.current_thread(), event))
        return json.dumps({"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}), False, ""

    monkeypatch.setattr(LambdaFunction, "_invoke_lambda", record)
    functions, sqs = boto3.client("lambda"), boto3.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="before")
    functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
        FunctionName=make_function(functions),
        BatchSize=10,
        MaximumBatchingWindowInSeconds=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    assert calls == [], "what is there already is not seen"
    sqs.send_message(QueueUrl=url, MessageBody="after")
    assert [len(event["Records"]) for _, event in calls] == [1, 1]
    assert {thread for thread, _ in calls} == {threading.current_thread()}
    assert calls[0][1]["Records"][0]["attributes"]["SentTimestamp"] == "1545082649183"
    assert sqs_backends[ACCOUNT][REGION].get_queue("q")._messages == [], "what was reported as failed is gone"


def test_a_mapping_feeds_what_is_there_with_true_attributes_until_it_is_deleted(farm: LocalFarm) -> None:
    functions, sqs = client(farm, "lambda"), client(farm, "sqs")
    url = sqs.create_queue(QueueName="fed")["QueueUrl"]
    sent_at = time.time() * 1000
    sqs.send_message(
        QueueUrl=url, MessageBody="before", MessageAttributes={"A": {"DataType": "String", "StringValue": "b"}}
    )
    (name,) = [f["FunctionName"] for f in functions.list_functions()["Functions"] if "LogFunction" in f["FunctionName"]]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:fed", FunctionName=name
    )
    wait_until(lambda: stored_records(farm, "before"), "the function gets what was there before")
    (record,) = stored_records(farm, "before")
    assert abs(int(record["attributes"]["SentTimestamp"]) - sent_at) < 10_000
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"]["A"]["stringValue"] == "b"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(":fed")
    functions.delete_event_source_mapping(UUID=mapping["UUID"])
    # A poller looks once a second whether it is still wanted.
    time.sleep(1.5)
    sqs.send_message(QueueUrl=url, MessageBody="after")
    time.sleep(0.5)
    assert len(sqs.receive_message(QueueUrl=url).get("Messages", [])) == 1


def test_sending_does_not_wait_for_the_function(farm: LocalFarm) -> None:
    sqs, url = client(farm, "sqs"), farm.outputs["ChunkDeadLetterQueueUrl"]
    started = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="take your time")
    assert time.monotonic() - started < 3, "the function takes five seconds"
    wait_until(lambda: stored_records(farm, "take your time"), "the message arrives")


# ── Helpers ────────────────────────────────────────────────────────────────────────────────────────────────────

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


def rule_to_queue(events: Any, queue: str) -> None:
    events.put_rule(Name=queue, EventPattern='{"source": ["aws.s3"], "detail-type": ["Object Created"]}')
    events.put_targets(Rule=queue, Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"}])


def large_upload(s3: Any, bucket: str, key: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload=parts)


def drain(sqs: Any, url: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        messages += found
    return messages


def stored_records(farm: LocalFarm, body: str) -> list[dict[str, Any]]:
    """Return the records with a body that the farm's functions have been given."""
    s3, bucket = client(farm, "s3"), farm.outputs["LogBucketName"]
    keys = [stored["Key"] for stored in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    batches = [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
    return [record for batch in batches for record in batch if record["body"] == body]


def wait_until(happened: Callable[[], Any], what: str, *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)
