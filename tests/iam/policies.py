"""The grants of a stack's policies, split into single actions and resources."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.iam.intrinsics import Stack

_BY_AWS = ":iam::aws:policy/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The smallest part of a policy: one action on one resource in one statement."""

    role: str
    statement: str
    action: str
    resource: str
    condition: str = "{}"

    def as_statement(self, sid: str) -> dict[str, Any]:
        """Return a statement with only this grant."""
        alone = {"Sid": sid, "Effect": "Allow", "Action": self.action, "Resource": self.resource}
        condition = json.loads(self.condition)
        return alone | ({"Condition": condition} if condition else {})


def grants(stack: Stack) -> list[Grant]:
    """Return all grants of a stack's roles, which have logical names.

    Raises:
        ValueError: a statement has elements that cannot be split.
    """
    found = []
    for role, properties in stack.resources("AWS::IAM::Role").items():
        for where, document in _documents(stack, role, properties):
            found += [grant for each in _listed(document["Statement"]) for grant in _pieces(role, where, each)]
    return found


def resource_policies(stack: Stack) -> dict[str, Mapping[str, Any]]:
    """Return the policies of buckets and queues, by the ARN of the bucket or queue."""
    policies = {}
    for properties in stack.resources("AWS::S3::BucketPolicy").values():
        policies[f"arn:aws:s3:::{stack.value(properties['Bucket'])}"] = stack.value(properties["PolicyDocument"])
    for properties in stack.resources("AWS::SQS::QueuePolicy").values():
        for queue in properties["Queues"]:
            policies[stack.arn(queue["Ref"])] = stack.value(properties["PolicyDocument"])
    return policies


def _documents(stack: Stack, role: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the document of each policy of a role: inline, attached and managed."""
    for policy in properties.get("Policies", []):
        yield stack.value(policy["PolicyName"]), stack.value(policy["PolicyDocument"])
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
        for logical, policy in stack.resources(kind).items():
            if {"Ref": role} in [*policy.get("Roles", []), policy.get("RoleName")]:
                yield logical, stack.value(policy["PolicyDocument"])
    own = {stack.arn(logical): logical for logical in stack.resources("AWS::IAM::ManagedPolicy")}
    for arn in stack.value(properties.get("ManagedPolicyArns", [])):
        if _BY_AWS in arn:
            name = arn.rpartition("/")[2]
            yield name, _by_aws()[name]["Document"]
        else:
            yield own[arn], stack.value(stack.resources("AWS::IAM::ManagedPolicy")[own[arn]]["PolicyDocument"])


def _pieces(role: str, where: str, statement: Mapping[str, Any]) -> Iterator[Grant]:
    if statement["Effect"] != "Allow" or not {"Action", "Resource"} <= statement.keys():
        raise ValueError(f"unsupported statement of {role}, expected Allow, Action and Resource: {statement}")
    for action in _listed(statement["Action"]):
        for resource in _listed(statement["Resource"]):
            yield Grant(
                role=role,
                statement=statement.get("Sid", where),
                action=action,
                resource=resource,
                condition=json.dumps(statement.get("Condition", {}), sort_keys=True),
            )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def _by_aws() -> dict[str, Any]:
    """Return the managed policies of AWS, which moto contains as AWS publishes them."""
    policies: dict[str, Any] = json.loads(aws_managed_policies_data)
    return policies
