"""The stages of a farm in an account, and the state after each stage."""

import json
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from frameloom.local.local_farm import WORKER_VARIABLES
from tests.conformance.toolbox import ROOT, run, sam
from tests.deploy.account import Account, with_rights_of
from tests.deploy.build import Build
from tests.deploy.gaps import deployable
from tests.deploy.inventory import inventory
from tests.deploy.processes import kept_running

STACK = "frameloom-dev"
# No cluster has this name, but with it the stack creates the roles of the cluster's pods.
CLUSTER = ["Cluster=existing", "ClusterName=elsewhere"]

# A function's first call unpacks its layer, which takes seconds on a machine that also renders.
TIMEOUT = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A deployed stack: `resources` are type and physical id by logical id."""

    status: str
    outputs: dict[str, str]
    resources: dict[str, tuple[str, str]]
    inventory: set[tuple[str, str]]
    # As Lambda describes them, by logical id.
    functions: dict[str, dict[str, Any]]
    # Days that the stack's log groups keep, by logical id.
    retention: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An ended job: its result in Step Functions, and its film's file if it has one."""

    status: str
    output: dict[str, Any]
    film: Path | None
    # Every object of the buckets of scenes and frames.
    objects: set[str]


def deploy(account: Account, build: Build, *, environment: str) -> Deployed:
    """Deploy with an environment of samconfig.toml, and return the deployed stack."""
    config = build.source / "samconfig.toml"
    configured = tomllib.loads(config.read_text(encoding="utf-8"))[environment]["deploy"]["parameters"]
    # The command line's parameters replace all that the file has.
    parameters = [*configured["parameter_overrides"].split(), *CLUSTER, f"BlenderVersions={_blender()}"]
    ended = sam(
        "deploy",
        *("--config-file", str(config), "--config-env", environment, "--template-file", str(deployable(build))),
        *("--stack-name", STACK, "--no-confirm-changeset", "--parameter-overrides", *parameters),
        folder=build.source,
        environment=account.environment,
    )
    assert ended.returncode == 0, "\n".join([ended.stderr[-500:], *_failures(account)])
    return look(account)


def look(account: Account) -> Deployed:
    """Return the deployed stack."""
    stacks = account.client("cloudformation")
    stack = stacks.describe_stacks(StackName=STACK)["Stacks"][0]
    found = stacks.describe_stack_resources(StackName=STACK)["StackResources"]
    resources = {each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"]) for each in found}
    functions, groups = account.client("lambda"), account.client("logs")
    kept = {group["logGroupName"]: group["retentionInDays"] for group in groups.describe_log_groups()["logGroups"]}
    return Deployed(
        status=stack["StackStatus"],
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]},
        resources=resources,
        inventory=inventory(account),
        functions={
            name: functions.get_function_configuration(FunctionName=physical)
            for name, (kind, physical) in resources.items()
            if kind == "AWS::Lambda::Function"
        },
        retention={name: kept[physical] for name, (kind, physical) in resources.items() if "LogGroup" in kind},
    )


def _blender() -> str:
    """Return the version of the installed Blender, or skip the test."""
    try:
        return version("bpy")
    except PackageNotFoundError:
        pytest.skip("Blender (bpy) is not installed: a worker renders with it")


def _failures(account: Account) -> list[str]:
    """Return the failed resources with their reasons; SAM's own table wraps the reasons in a column."""
    events = account.client("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    return [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    ]


@contextmanager
def working(account: Account, outputs: dict[str, str], *, folder: Path) -> Iterator[None]:
    """Run a real worker for the stack, with the permissions of its role."""
    environment = {
        **with_rights_of(account, outputs["WorkerRoleArn"]).environment,
        **{variable: outputs[output] for variable, output in WORKER_VARIABLES.items()},
        "SCRATCH_DIR": str(folder),
    }
    with kept_running([sys.executable, "-m", "worker"], folder=ROOT, logs=folder / "logs", environment=environment):
        yield


def upload(account: Account, outputs: dict[str, str], scene: Path) -> None:
    """Upload a scene as a plain S3 client does."""
    account.client("s3").upload_file(str(scene), outputs["ScenesBucketName"], scene.name)


def start(account: Account, outputs: dict[str, str], request: dict[str, Any]) -> None:
    """Start a job as the console does."""
    states = account.client("stepfunctions")
    states.start_execution(stateMachineArn=outputs["StateMachineArn"], input=json.dumps(request))


def render(account: Account, scene: Path, *, frames: str, out: Path) -> dict[str, Any]:
    """Render an uploaded scene on the stack by its key with the command line, and return the JSON output."""
    command = [sys.executable, "-m", "frameloom", "render", str(scene), "--stack", STACK]
    command += ["--frames", frames, "--out", str(out), "--set", f"file={scene.name}", "--json"]
    ended = run(command, environment=account.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def end_of_job(account: Account, outputs: dict[str, str], *, number: int, film: Path) -> Job:
    """Wait for the end of the stack's job of this number, counted from 1, and fetch its film to `film`."""
    states, store = account.client("stepfunctions"), account.client("s3")
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        jobs = states.list_executions(stateMachineArn=outputs["StateMachineArn"])["executions"]
        if len(jobs) == number and all(job["status"] != "RUNNING" for job in jobs):
            break
        time.sleep(0.2)
    else:
        raise AssertionError(f"job {number} did not end: {jobs}\n{account.log.read_text(errors='replace')[-2000:]}")
    last = max(jobs, key=lambda job: job["startDate"])
    output = json.loads(states.describe_execution(executionArn=last["executionArn"]).get("output", "{}"))
    video = output.get("video")
    if video is not None:
        store.download_file(video["bucket"], video["key"], str(film))
    return Job(
        status=last["status"],
        output=output,
        film=None if video is None else film,
        objects={
            entry["Key"]
            for bucket in ("ScenesBucketName", "FramesBucketName")
            for entry in store.list_objects_v2(Bucket=outputs[bucket]).get("Contents", [])
        },
    )


def delete(account: Account, *options: str) -> set[tuple[str, str]]:
    """Delete the farm with the command line, and return the remaining resources of the account."""
    command = [sys.executable, "-m", "frameloom", "stack", "delete", "--stack", STACK, "--yes", *options]
    ended = run(command, environment=account.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return inventory(account)
