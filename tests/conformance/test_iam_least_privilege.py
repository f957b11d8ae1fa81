"""Roles have grants for single actions, restricted to resources where AWS supports this."""

import pytest

from frameloom.local.template import local_template
from tests.conformance.toolbox import ROOT
from tests.iam.authorization import Request
from tests.iam.evaluator import judge
from tests.iam.intrinsics import Stack
from tests.iam.policies import Grant, grants


@pytest.fixture(scope="module")
def granted() -> list[Grant]:
    template = local_template(ROOT / "template.yaml", {}, leave_out=())
    return grants(Stack(template=template, parameters={}, names={}))


def too_wide(granted: list[Grant]) -> list[Grant]:
    """Return the grants on all resources whose action can be restricted to a resource."""
    on_everything = [grant for grant in granted if grant.resource == "*"]
    requests = [Request(role=each.role, action=each.action, resource="*", why="the test") for each in on_everything]
    verdicts = judge(requests, granted, {})
    return [grant for grant, verdict in zip(on_everything, verdicts, strict=True) if not verdict.allowed]


def test_no_role_is_granted_actions_by_a_pattern(granted: list[Grant]) -> None:
    assert [grant for grant in granted if "*" in grant.action] == []


def test_no_grant_covers_all_resources_if_aws_can_restrict_it(granted: list[Grant]) -> None:
    assert too_wide(granted) == []


def test_a_grant_on_too_many_resources_is_found() -> None:
    traces = Grant(role="R", statement="S", action="xray:PutTraceSegments", resource="*")
    objects = Grant(role="R", statement="S", action="s3:GetObject", resource="*")
    assert too_wide([traces, objects]) == [objects]
