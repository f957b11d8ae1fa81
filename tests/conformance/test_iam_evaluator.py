"""The evaluator decides like IAM: each test has a policy with a known decision."""

from dataclasses import replace
from typing import Any

from tests.iam.authorization import Request
from tests.iam.evaluator import Verdict, judge
from tests.iam.policies import Grant

OBJECT = "arn:aws:s3:::b/jobs/1.json"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/default"
READ = Request(role="R", action="s3:GetObject", resource=OBJECT, why="the test")
GRANT = Grant(role="R", statement="S", action="s3:GetObject", resource="arn:aws:s3:::b/jobs/*")
OURS = '{"ForAllValues:StringEquals": {"events:source": "frameloom"}, "Null": {"events:source": "false"}}'


def verdict(request: Request, *grants: Grant, protections: dict[str, Any] | None = None) -> Verdict:
    (found,) = judge([request], grants, protections or {})
    return found


def test_a_granted_request_is_allowed_by_its_grant() -> None:
    found = verdict(READ, GRANT)
    assert found.allowed
    assert found.by == {GRANT}


def test_each_sufficient_grant_is_returned() -> None:
    wide = replace(GRANT, resource="arn:aws:s3:::b/*")
    assert verdict(READ, GRANT, wide, replace(GRANT, action="s3:PutObject")).by == {GRANT, wide}


def test_another_action_another_resource_or_another_role_is_denied() -> None:
    for other in (
        replace(GRANT, action="s3:PutObject"),
        replace(GRANT, resource="arn:aws:s3:::b"),
        replace(GRANT, resource="arn:aws:s3:::b/jobs/"),
        replace(GRANT, role="Other"),
    ):
        assert not verdict(READ, other).allowed, other


def test_a_role_without_a_policy_has_no_rights() -> None:
    assert not verdict(READ).allowed


def test_a_condition_needs_its_key_and_its_value() -> None:
    put = Request(role="R", action="events:PutEvents", resource=BUS, why="the test")
    grant = Grant(role="R", statement="S", action="events:PutEvents", resource=BUS, condition=OURS)
    assert verdict(replace(put, context=(("events:source", "frameloom"),)), grant).allowed
    assert not verdict(replace(put, context=(("events:source", "aws.s3"),)), grant).allowed
    assert not verdict(put, grant).allowed


def test_a_bucket_policy_can_deny_and_its_tls_rule_allows_tls() -> None:
    def policy(secure: str) -> dict[str, Any]:
        condition = {"Bool": {"aws:SecureTransport": secure}}
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}
        return {"arn:aws:s3:::b": {"Version": "2012-10-17", "Statement": [{**deny, "Condition": condition}]}}

    assert verdict(READ, GRANT, protections=policy("false")).allowed
    assert verdict(READ, GRANT, protections=policy("true")).decision == "ExplicitlyDenied"


def test_an_unknown_action_is_never_allowed() -> None:
    everything = replace(GRANT, action="s3:*", resource="*")
    for strange in (
        replace(READ, action="s3:HeadObject"),
        replace(READ, action="s4:GetObject"),
        # PutTraceSegments has no resources, so a grant on one has no effect.
        replace(READ, action="xray:PutTraceSegments"),
    ):
        assert verdict(strange, everything, replace(GRANT, action="*", resource="*")).decision.startswith("Error")


def test_results_of_a_task_need_a_grant_on_its_machine() -> None:
    answer = Request(role="R", action="states:SendTaskSuccess", resource=MACHINE, why="the test")
    grant = Grant(role="R", statement="S", action="states:SendTaskSuccess", resource=MACHINE)
    of_a_map = replace(answer, resource=f"{MACHINE}/Map")
    assert verdict(answer, grant).by == {grant}
    assert not verdict(of_a_map, grant).allowed
    assert verdict(of_a_map, grant, replace(grant, resource=f"{MACHINE}/*")).allowed
