"""Every call of the farm is allowed by its caller's role, and every permission is used.

The emulator checks no permissions. So it records the calls of each function, of the workers and of the state machine in
all end-to-end tests, and an evaluator decides whether IAM would have allowed them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from frameloom.local.deploy import STACK
from frameloom.local.environment import SOMEBODY
from frameloom.local.local_farm import TEMPLATE, WORKER_KEY, find_root
from frameloom.local.template import local_template
from tests.e2e.every_call import make_every_call
from tests.e2e.rig import Rig
from tests.iam.authorization import Request, requests_of
from tests.iam.calls import read_call
from tests.iam.evaluator import Verdict, judge
from tests.iam.intrinsics import NAMED, Stack
from tests.iam.policies import Grant, grants, resource_policies
from tests.iam.service_requests import requests_by_aws

# The key with which moto signs the calls of the one state machine.
MOTO_KEY = "ak"

# Granted and never used, each with its reason: `role: action on resource`.
NEVER_USED: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The recorded calls, and IAM's decisions."""

    stack: Stack
    granted: list[Grant]
    verdicts: list[Verdict]


@pytest.fixture(scope="module")
def trial(rig: Rig, tiny: Path, slow: Path) -> Trial:
    make_every_call(rig, tiny, slow)
    # The whole template: the local stack lacks the roles of pods, but the workers' calls are checked against theirs.
    template = local_template(find_root() / TEMPLATE, {}, leave_out=())
    stack = Stack(template=template, parameters={}, names=names(rig))
    granted = grants(stack)
    requests = [*dict.fromkeys([*requests_on_record(rig, stack), *requests_by_aws(stack)])]
    return Trial(stack=stack, granted=granted, verdicts=judge(requests, granted, resource_policies(stack)))


def names(rig: Rig) -> dict[str, str]:
    """Return the names of the stack's resources by their logical ones."""
    pages = rig.stacks.get_paginator("list_stack_resources").paginate(StackName=STACK)
    found = [resource for page in pages for resource in page["StackResourceSummaries"]]
    return {
        each["LogicalResourceId"]: name(each["PhysicalResourceId"], each["ResourceType"])
        for each in found
        if each["ResourceType"] in NAMED
    }


def name(physical: str, kind: str) -> str:
    """Return a resource's name: its physical id is the name, or an ARN or a URL that ends with it."""
    return physical.rpartition("/" if kind == "AWS::SQS::Queue" else ":")[2]


def requests_on_record(rig: Rig, stack: Stack) -> Iterator[Request]:
    """Yield the calls of the parts of the farm; calls of the tests are left out."""
    (machine,) = stack.resources("AWS::StepFunctions::StateMachine")
    roles = {stack.name(role): role for role in stack.resources("AWS::IAM::Role")}
    roles |= {WORKER_KEY: "WorkerRole", MOTO_KEY: f"{machine}Role"}
    # AWS documents for neither whether it is checked: the machine, or the Map run under its label.
    owners = [stack.arn(machine), f"{stack.arn(machine)}/RenderChunks"]
    for line in rig.calls.read_text(encoding="utf-8").splitlines():
        call = read_call(line)
        if call.principal != SOMEBODY:
            assert call.principal in roles, f"unknown caller of {line}"
            yield from requests_of(call, role=roles[call.principal], task_owners=owners)


def test_every_call_is_allowed_by_the_policies_of_the_role_that_makes_it(trial: Trial) -> None:
    denied = [f"{verdict.decision}: {verdict.request}" for verdict in trial.verdicts if not verdict.allowed]
    assert not denied, "\n".join(denied)


def test_every_role_was_seen_at_work(trial: Trial) -> None:
    assert {verdict.request.role for verdict in trial.verdicts} == set(trial.stack.resources("AWS::IAM::Role"))


def test_what_is_granted_and_never_used_is_known_with_its_reason(
    trial: Trial, capsys: pytest.CaptureFixture[str]
) -> None:
    by_calls = [verdict for verdict in trial.verdicts if not verdict.request.by_aws]
    unused = in_words(trial.stack, set(trial.granted) - needed(trial.verdicts))
    by_aws = in_words(trial.stack, needed(trial.verdicts) - needed(by_calls))
    with capsys.disabled():
        print(f"\n{len(trial.granted)} grants; {len(by_calls)} different requests of {len(trial.verdicts)} are our own")
        print(f"Granted, and used by AWS itself only, by its guides: {len(by_aws)}", *by_what(by_aws), sep="\n  ")
        print(f"Granted and never used: {len(unused)}")
        for grant in unused:
            print(f"  {grant}: {NEVER_USED.get(grant, 'no reason given')}")
    assert unused == sorted(NEVER_USED)


def test_without_any_one_grant_a_call_is_denied(trial: Trial) -> None:
    """Remove each needed permission from a copy of its role: the calls that it allowed are then denied."""
    requests, granted = [], []
    for number, grant in enumerate(needed(trial.verdicts)):
        role = f"{grant.role}{number}"
        asked = next(verdict.request for verdict in trial.verdicts if verdict.by == {grant})
        requests.append(replace(asked, role=role))
        granted += [replace(each, role=role) for each in trial.granted if each.role == grant.role and each != grant]
    assert len(requests) > len(NEVER_USED)
    assert [verdict for verdict in judge(requests, granted, resource_policies(trial.stack)) if verdict.allowed] == []


def needed(verdicts: Iterable[Verdict]) -> set[Grant]:
    """Return the grants without which some request would be denied."""
    return {grant for verdict in verdicts if len(verdict.by) == 1 for grant in verdict.by}


def in_words(stack: Stack, found: Iterable[Grant]) -> list[str]:
    """Return permissions with the logical names of their resources, which are the same on every farm, sorted."""
    words = []
    for grant in found:
        resource = grant.resource
        for logical, its_name in stack.names.items():
            resource = resource.replace(its_name, logical)
        words.append(f"{grant.role}: {grant.action} on {resource}")
    return sorted(words)


def by_what(words: Iterable[str]) -> list[str]:
    """Return a shorter list of permissions, with the roles of each."""
    whom: dict[str, list[str]] = {}
    for each in words:
        role, _, what = each.partition(": ")
        whom.setdefault(what, []).append(role)
    return [f"{what}: {', '.join(roles)}" for what, roles in sorted(whom.items())]
