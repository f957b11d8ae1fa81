"""template.yaml, the code and the state machine say the same."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from samtranslator.yaml_helper import yaml_parse

from frameloom.aws.stack import stack_of
from frameloom.model.request import LONGEST_TIMEOUT
from frameloom.model.settings import Device
from tests.conformance.asl_checks import every_state
from tests.conformance.toolbox import ROOT, run, sam_validate, uv

TEMPLATE = ROOT / "template.yaml"
template: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
resources: dict[str, dict[str, Any]] = template["Resources"]
machine: dict[str, Any] = json.loads((ROOT / "statemachine/render_job.asl.json").read_text(encoding="utf-8"))


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the resources of one type, by logical id."""
    return {name: found.get("Properties", {}) for name, found in resources.items() if found["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")


def folder(function: str) -> str:
    """Return a function's folder: PrepareJobFunction lives in functions/prepare_job."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()


class TestSam:
    def test_the_template_is_valid(self) -> None:
        ended = sam_validate(TEMPLATE)
        assert ended.returncode == 0, ended.stderr + ended.stdout

    def test_a_planted_fault_is_found(self, tmp_path: Path) -> None:
        faulty = tmp_path / "template.yaml"
        text = TEMPLATE.read_text(encoding="utf-8")
        faulty.write_text(text.replace("VisibilityTimeout: 120", "VisibilityTimeout: soon"), encoding="utf-8")
        ended = sam_validate(faulty)
        assert ended.returncode != 0
        assert "'soon' is not of type 'integer'" in ended.stdout + ended.stderr

    def test_the_layer_installs_what_is_locked(self) -> None:
        # The file's second line is the command that made it; less the place to write to, it prints the same.
        written = (ROOT / "src/requirements.txt").read_text(encoding="utf-8")
        command = written.splitlines()[1].removeprefix("#").split()
        assert command[:2] == ["uv", "export"]
        ended = run([uv(), *command[1 : command.index("-o")]])
        packages = [[line for line in text.splitlines() if "==" in line] for text in (written, ended.stdout)]
        assert packages[0] == packages[1], f"run: {' '.join(command)}"


class TestFunctions:
    def test_each_has_its_folder_and_each_folder_is_one(self) -> None:
        for name, function in FUNCTIONS.items():
            assert function["CodeUri"] == f"functions/{folder(name)}"
        folders = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
        assert folders == {folder(name) for name in FUNCTIONS}

    def test_each_says_what_it_does(self) -> None:
        assert [name for name, function in FUNCTIONS.items() if not function.get("Description")] == []

    def test_each_environment_variable_that_the_code_reads_is_set(self) -> None:
        everywhere = set(template["Globals"]["Function"]["Environment"]["Variables"])
        for function in FUNCTIONS.values():
            given = everywhere | set(function.get("Environment", {}).get("Variables", {}))
            sources = [*(ROOT / function["CodeUri"]).glob("*.py")]
            assert {variable for source in sources for variable in environment_reads(source)} <= given
        # The shared package is every function's; what only submit_job needs is given to submit_job.
        read = set(shared_reads())
        assert read - everywhere == {"STATE_MACHINE_ARN"}
        assert "STATE_MACHINE_ARN" in FUNCTIONS["SubmitJobFunction"]["Environment"]["Variables"]

    def test_each_environment_variable_that_is_set_is_read(self) -> None:
        given = set(template["Globals"]["Function"]["Environment"]["Variables"])
        assert {name for name in given if not name.startswith("POWERTOOLS_")} <= set(shared_reads())

    def test_a_queue_hides_a_message_for_six_times_as_long_as_its_function_may_run(self) -> None:
        # Lambda's own advice; a shorter one hands a message out again while it is still worked on.
        mappings = of_type("AWS::Lambda::EventSourceMapping")
        assert len(mappings) == 2
        for mapping in mappings.values():
            queue, _ = mapping["EventSourceArn"]["Fn::GetAtt"]
            function = FUNCTIONS[mapping["FunctionName"]["Ref"]]
            timeout = function.get("Timeout", template["Globals"]["Function"]["Timeout"])
            assert resources[queue]["Properties"]["VisibilityTimeout"] >= 6 * timeout
            assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


class TestTheStateMachine:
    def test_its_substitutions_are_those_of_the_template_both_ways(self) -> None:
        used = set(re.findall(r"\$\{(\w+)\}", json.dumps(machine)))
        assert used == set(substitutions())

    def test_each_substitution_means_the_resource_that_it_names(self) -> None:
        for name, value in substitutions().items():
            if name.endswith("FunctionArn"):
                assert value == {"Fn::GetAtt": [name.removesuffix("Arn"), "Arn"]}
            else:
                assert value == {"Ref": re.sub(r"(Url|Name)$", "", name)}

    def test_it_waits_longer_for_a_function_than_the_function_may_run(self) -> None:
        tasks = [placed.state for placed in every_state(machine) if "lambda" in placed.state.get("Resource", "")]
        assert tasks
        for task in tasks:
            function = task["Parameters"]["FunctionName"][2:-1].removesuffix("Arn")
            assert task["TimeoutSeconds"] > FUNCTIONS[function]["Timeout"], function

    def test_it_may_call_each_function_that_it_names_and_no_other(self) -> None:
        (statement,) = (found for found in statements("RenderJob") if found["Sid"] == "CallFunctions")
        allowed = {reference["Fn::GetAtt"][0] for reference in statement["Resource"]}
        assert allowed == {name.removesuffix("Arn") for name in substitutions() if name.endswith("FunctionArn")}

    def test_it_may_start_and_stop_its_own_children(self) -> None:
        policy = resources["RenderJobMapPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        actions = {action for statement in policy for action in listed(statement["Action"])}
        assert actions == {f"states:{verb}Execution" for verb in ("Start", "Describe", "Stop", "Redrive")}

    def test_an_upload_of_a_scene_starts_it_and_of_a_film_does_not(self) -> None:
        pattern = resources["RenderJob"]["Properties"]["Events"]["SceneUploaded"]["Properties"]["Pattern"]
        assert pattern["detail"]["bucket"]["name"] == [{"Ref": "ScenesBucket"}]
        assert pattern["detail"]["object"]["key"] == [{"suffix": ".blend"}]
        notifications = resources["ScenesBucket"]["Properties"]["NotificationConfiguration"]
        assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


class TestSafety:
    @pytest.mark.parametrize(("kind", "policy"), [("S3::Bucket", "Bucket"), ("SQS::Queue", "Queues")])
    def test_every_bucket_and_queue_refuses_plain_http(self, kind: str, policy: str) -> None:
        policies = {
            reference["Ref"]: properties["PolicyDocument"]["Statement"]
            for properties in of_type(f"AWS::{kind}Policy").values()
            for reference in listed(properties[policy])
        }
        assert set(policies) == set(of_type(f"AWS::{kind}"))
        for name, (statement,) in policies.items():
            assert statement["Effect"] == "Deny"
            assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            assert all(name in json.dumps(resource) for resource in listed(statement["Resource"]))

    def test_every_bucket_is_private_and_encrypted_and_drops_half_uploads(self) -> None:
        for bucket in of_type("AWS::S3::Bucket").values():
            assert all(bucket["PublicAccessBlockConfiguration"].values())
            assert bucket["BucketEncryption"]
            assert any("AbortIncompleteMultipartUpload" in rule for rule in bucket["LifecycleConfiguration"]["Rules"])

    def test_every_queue_is_encrypted(self) -> None:
        assert [name for name, queue in of_type("AWS::SQS::Queue").items() if not queue["SqsManagedSseEnabled"]] == []

    def test_no_resource_has_a_name_that_a_second_stack_could_not_have(self) -> None:
        fixed = {"BucketName", "QueueName", "FunctionName", "Name", "RoleName"}
        kinds = ("S3::Bucket", "SQS::Queue", "Serverless::Function", "Serverless::StateMachine")
        owners = {name: found for kind in kinds for name, found in of_type(f"AWS::{kind}").items()}
        assert [name for name, found in owners.items() if fixed & set(found)] == []
        for group in of_type("AWS::Logs::LogGroup").values():
            assert "${AWS::StackName}" in group["LogGroupName"]["Fn::Sub"]

    def test_no_role_of_ours_holds_a_right_on_everything_but_to_deliver_logs(self) -> None:
        for owner in [*FUNCTIONS, "RenderJob"]:
            for statement in statements(owner):
                if statement["Sid"] != "DeliverLogs":
                    assert "*" not in listed(statement["Resource"]), owner
                    assert not any(action.endswith("*") for action in listed(statement["Action"])), owner


class TestOutputs:
    def test_a_client_finds_the_farm_by_them(self) -> None:
        said = {name: name for name in template["Outputs"]} | {"CyclesDevice": "OPTIX"}
        stack = stack_of(said, name="frameloom")
        assert (stack.machine, stack.device) == ("StateMachineArn", "OPTIX")

    def test_every_device_that_a_farm_may_have_is_one_that_a_request_may_name(self) -> None:
        assert template["Parameters"]["CyclesDevice"]["AllowedValues"] == list(get_args(Device))

    def test_they_are_all_that_workers_and_callers_need(self) -> None:
        assert set(template["Outputs"]) >= {"ChunkQueueUrl", "LogQueueUrl", "LogBucketName", "SubmitJobFunctionName"}


def test_a_message_outlives_the_longest_wait_that_a_job_may_ask_for() -> None:
    chunks, dead = resources["ChunkQueue"]["Properties"], resources["ChunkDeadLetterQueue"]["Properties"]
    # A message that is moved keeps its age.
    assert LONGEST_TIMEOUT < chunks["MessageRetentionPeriod"] < dead["MessageRetentionPeriod"]


def substitutions() -> dict[str, Any]:
    """Return what the template puts into the definition."""
    found: dict[str, Any] = resources["RenderJob"]["Properties"]["DefinitionSubstitutions"]
    return found


def statements(owner: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of the policies that a function or the state machine is given inline."""
    for policy in resources[owner]["Properties"]["Policies"]:
        yield from policy.get("Statement", [])


def listed(value: Any) -> list[Any]:
    """Return a value as a list, as IAM reads one that stands alone."""
    return value if isinstance(value, list) else [value]


def shared_reads() -> Iterator[str]:
    """Yield what the part of the shared package that functions import reads from the environment."""
    for part in ("aws", "services", "model"):
        for source in (ROOT / "src/frameloom" / part).rglob("*.py"):
            yield from environment_reads(source)


def environment_reads(source: Path) -> Iterator[str]:
    """Yield the names that a file reads from the environment: `environ[...]`, `environ.get(...)`, `getenv(...)`."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            yield ast.literal_eval(node.slice)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("environ.get", "getenv")):
            yield ast.literal_eval(node.args[0])
