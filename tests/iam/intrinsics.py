"""Resolves the intrinsic functions of a CloudFormation template."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from frameloom.local.environment import REGION

ACCOUNT = "123456789012"

_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": "frameloom",
    "AWS::URLSuffix": "amazonaws.com",
}
# The format of the ARN for each type of resource. Source: service authorization reference, "Resource types".
_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{name}}",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{name}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{{name}}",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{name}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{name}}",
    "AWS::IAM::ManagedPolicy": f"arn:aws:iam::{ACCOUNT}:policy/{{name}}",
    "AWS::ECR::Repository": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{{name}}",
    # The ARN includes the streams, as from GetAtt in CloudFormation.
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{name}}:*",
}
# The types of resource that policies name.
NAMED = frozenset(_ARNS)

# For these types, Ref returns the ARN; for all others, the name.
_REF_IS_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::IAM::ManagedPolicy"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A transformed template, the values of its parameters, and the names of its resources."""

    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    names: Mapping[str, str]

    def resources(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Return the properties of all resources of a type, whether or not their condition holds."""
        found = self.template["Resources"].items()
        return {logical: its.get("Properties", {}) for logical, its in found if its["Type"] == kind}

    def arn(self, logical: str) -> str:
        """Return the ARN of a resource."""
        return _ARNS[self.template["Resources"][logical]["Type"]].format(name=self.name(logical))

    def name(self, logical: str) -> str:
        """Return the name of a resource; the logical name if it was not created."""
        return self.names.get(logical, logical)

    def value(self, node: Any) -> Any:
        """Return a value of the template with all functions resolved.

        Raises:
            ValueError: a function is not supported.
        """
        match node:
            case dict() if any(name == "Ref" or name.startswith("Fn::") for name in node):
                return self._called(node)
            case dict():
                return {name: self.value(value) for name, value in node.items()}
            case list():
                return [self.value(each) for each in node]
        return node

    def _called(self, function: Mapping[str, Any]) -> str:
        match function:
            case {"Ref": str() as name}:
                return self._ref(name)
            case {"Fn::GetAtt": [str() as logical, str() as attribute]}:
                return self._attribute(logical, attribute)
            case {"Fn::Sub": str() as text}:
                return self._substituted(text, {})
            case {"Fn::Sub": [str() as text, dict() as values]}:
                return self._substituted(text, {name: self.value(value) for name, value in values.items()})
            case {"Fn::Join": [str() as glue, list() as parts]}:
                return glue.join(self.value(part) for part in parts)
        raise ValueError(f"unsupported function: {function}")

    def _substituted(self, text: str, values: Mapping[str, str]) -> str:
        def found(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return values[name]
            logical, _, attribute = name.partition(".")
            return self._attribute(logical, attribute) if attribute else self._ref(name)

        return re.sub(r"\$\{([^!}]+)\}", found, text)

    def _ref(self, name: str) -> str:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.template["Resources"]:
            is_arn = self.template["Resources"][name]["Type"] in _REF_IS_ARN
            return self.arn(name) if is_arn else self.name(name)
        return self.parameters.get(name) or str(self.template["Parameters"][name]["Default"])

    def _attribute(self, logical: str, attribute: str) -> str:
        if attribute == "Arn":
            return self.arn(logical)
        if attribute in ("Name", "QueueName", "TopicName"):
            return self.name(logical)
        raise ValueError(f"unsupported attribute: {logical}.{attribute}")
