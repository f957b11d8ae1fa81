"""template.yaml, the code and the state machine agree."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frameloom.model.request import MAX_TIMEOUT
from tests.conformance.asl_checks import every_state
from tests.conformance.farm_template import listed, of_type, resources, statements, template
from tests.conformance.toolbox import ROOT, run, uv

machine: dict[str, Any] = json.loads((ROOT / "statemachine/render_job.asl.json").read_text(encoding="utf-8"))

FUNCTIONS = of_type("AWS::Serverless::Function")


def folder(function: str) -> str:
    """Return a function's folder: PrepareJobFunction lives in functions/prepare_job."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", function.removesuffix("Function")).lower()


def test_the_layer_installs_what_is_locked() -> None:
    # The file's second line is the command that made it; less the place to write to, it prints the same.
    written = (ROOT / "src/requirements.txt").read_text(encoding="utf-8")
    command = written.splitlines()[1].removeprefix("#").split()
    assert command[:2] == ["uv", "export"]
    ended = run([uv(), *command[1 : command.index("-o")]])
    packages = [[line for line in text.splitlines() if "==" in line] for text in (written, ended.stdout)]
    assert packages[0] == packages[1], f"run: {' '.join(command)}"


class TestFunctions:
    def test_each_function_has_a_folder_and_each_folder_a_function(self) -> None:
        for name, function in FUNCTIONS.items():
            assert function["CodeUri"] == f"functions/{folder(name)}"
        folders = {path.parent.name for path in ROOT.glob("functions/*/app.py")}
        assert folders == {folder(name) for name in FUNCTIONS}

    def test_each_function_has_a_description(self) -> None:
        assert [name for name, function in FUNCTIONS.items() if not function.get("Description")] == []

    def test_each_environment_variable_that_the_code_reads_is_set(self) -> None:
        everywhere = set(template["Globals"]["Function"]["Environment"]["Variables"])
        for function in FUNCTIONS.values():
            given = everywhere | set(function.get("Environment", {}).get("Variables", {}))
            sources = [*(ROOT / function["CodeUri"]).glob("*.py")]
            assert {variable for source in sources for variable in environment_reads(source)} <= given
        # All functions import the shared package; a variable of one function is set for that function only.
        own = {
            "STATE_MACHINE_ARN": "SubmitJobFunction",
            "ENCODERS_AT_ONCE": "VerifyFramesFunction",
            "TRUSTED_SCRIPTS": "PrepareJobFunction",
        }
        assert set(shared_reads()) - everywhere == own.keys()
        for variable, owner in own.items():
            assert variable in FUNCTIONS[owner]["Environment"]["Variables"]

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

    def test_the_logs_of_many_workers_leave_a_reserve_in_the_account_s_quota(self) -> None:
        logs = of_type("AWS::Lambda::EventSourceMapping")["WorkerLogs"]
        # Two is the least that Lambda takes.
        assert 2 <= logs["ScalingConfig"]["MaximumConcurrency"] <= 40


class TestTheStateMachine:
    def test_its_substitutions_equal_the_template_s(self) -> None:
        used = set(re.findall(r"\$\{(\w+)\}", json.dumps(machine)))
        assert used == set(substitutions())

    def test_each_substitution_refers_to_its_resource(self) -> None:
        for name, value in substitutions().items():
            if name.endswith("FunctionArn"):
                assert value == {"Fn::GetAtt": [name.removesuffix("Arn"), "Arn"]}
            else:
                assert value == {"Ref": re.sub(r"(Url|Name)$", "", name)}

    def test_each_state_waits_longer_than_its_function_may_run(self) -> None:
        tasks = [placed.state for placed in every_state(machine) if "lambda" in placed.state.get("Resource", "")]
        assert tasks
        for task in tasks:
            function = task["Parameters"]["FunctionName"][2:-1].removesuffix("Arn")
            assert task["TimeoutSeconds"] > FUNCTIONS[function]["Timeout"], function

    def test_it_may_call_its_functions_and_no_others(self) -> None:
        (statement,) = (found for found in statements("RenderJobRole") if found["Sid"] == "CallFunctions")
        allowed = {reference["Fn::GetAtt"][0] for reference in statement["Resource"]}
        assert allowed == {name.removesuffix("Arn") for name in substitutions() if name.endswith("FunctionArn")}

    def test_it_may_start_and_stop_its_own_children(self) -> None:
        policy = resources["RenderJobMapPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        actions = {action for statement in policy for action in listed(statement["Action"])}
        assert actions == {f"states:{verb}Execution" for verb in ("Start", "Describe", "Stop", "Redrive")}

    def test_an_uploaded_scene_starts_it_and_an_uploaded_film_does_not(self) -> None:
        pattern = resources["RenderJob"]["Properties"]["Events"]["SceneUploaded"]["Properties"]["Pattern"]
        assert pattern["detail"]["bucket"]["name"] == [{"Ref": "ScenesBucket"}]
        assert pattern["detail"]["object"]["key"] == [{"suffix": ".blend"}]
        notifications = resources["ScenesBucket"]["Properties"]["NotificationConfiguration"]
        assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_a_message_is_kept_longer_than_the_longest_queue_timeout() -> None:
    chunks, dead = resources["ChunkQueue"]["Properties"], resources["ChunkDeadLetterQueue"]["Properties"]
    # A message that is moved keeps its age.
    assert MAX_TIMEOUT < chunks["MessageRetentionPeriod"] < dead["MessageRetentionPeriod"]


def substitutions() -> dict[str, Any]:
    """Return the template's substitutions in the definition."""
    found: dict[str, Any] = resources["RenderJob"]["Properties"]["DefinitionSubstitutions"]
    return found


def shared_reads() -> Iterator[str]:
    """Yield the environment variables that the functions' part of the shared package reads."""
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
