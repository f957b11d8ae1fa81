"""Policies of a template, split into grants with resolved references."""

from typing import Any

import pytest

from tests.iam.intrinsics import Stack
from tests.iam.policies import Grant, grants, resource_policies

BUCKET = {"Type": "AWS::S3::Bucket"}


def stack(**resources: Any) -> Stack:
    return Stack(template={"Resources": {"Bucket": BUCKET, **resources}}, parameters={}, names={"Bucket": "b-1"})


def document(**statement: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}


def role(*documents: dict[str, Any], managed: list[Any] | None = None) -> dict[str, Any]:
    policies = [{"PolicyName": f"P{number}", "PolicyDocument": each} for number, each in enumerate(documents)]
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies, "ManagedPolicyArns": managed or []}}


def test_each_action_on_each_resource_is_a_grant_of_its_own() -> None:
    objects = {"Fn::Sub": "${Bucket.Arn}/*"}
    arn = {"Fn::GetAtt": ["Bucket", "Arn"]}
    policy = document(Sid="S", Action=["s3:GetObject", "s3:PutObject"], Resource=[arn, objects])
    assert grants(stack(R=role(policy))) == [
        Grant(role="R", statement="S", action=action, resource=resource)
        for action in ("s3:GetObject", "s3:PutObject")
        for resource in ("arn:aws:s3:::b-1", "arn:aws:s3:::b-1/*")
    ]


def test_a_grant_keeps_the_condition_of_its_statement() -> None:
    condition = {"StringEquals": {"s3:prefix": "jobs/"}}
    policy = document(Action="s3:ListBucket", Resource="*", Condition=condition)
    (grant,) = grants(stack(R=role(policy)))
    statement = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*", "Condition": condition}
    assert grant.as_statement("G1") == {"Sid": "G1", **statement}


def test_inline_attached_and_managed_policies_are_found() -> None:
    own = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document(Action="a:Own", Resource="*")}}
    added = {"Roles": [{"Ref": "R"}], "PolicyDocument": document(Action="a:Added", Resource="*")}
    by_aws = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":iam::aws:policy/AWSXRayDaemonWriteAccess"]]}
    found = grants(
        stack(
            R=role(document(Action="a:Inline", Resource="*"), managed=[{"Ref": "Own"}, by_aws]),
            Own=own,
            Added={"Type": "AWS::IAM::Policy", "Properties": added},
        )
    )
    actions = {grant.action for grant in found}
    assert {"a:Inline", "a:Own", "a:Added", "xray:PutTraceSegments"} <= actions


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
        {"NotAction": "s3:*", "Resource": "*"},
        {"Action": "s3:*", "NotResource": "*"},
    ],
)
def test_an_unsupported_statement_is_an_error(statement: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unsupported statement"):
        grants(stack(R=role(document(**statement))))


def test_an_unsupported_function_is_an_error() -> None:
    policy = document(Action="a:A", Resource={"Fn::ImportValue": "x"})
    with pytest.raises(ValueError, match="unsupported function"):
        grants(stack(R=role(policy)))


def test_policies_of_buckets_and_queues_are_found_by_their_arns() -> None:
    found = resource_policies(
        stack(
            Queue={"Type": "AWS::SQS::Queue"},
            OfBucket={"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "Bucket"}, **_EMPTY}},
            OfQueue={"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": "Queue"}], **_EMPTY}},
        )
    )
    assert set(found) == {"arn:aws:s3:::b-1", "arn:aws:sqs:us-east-1:123456789012:Queue"}


_EMPTY: dict[str, Any] = {"PolicyDocument": {"Statement": []}}
