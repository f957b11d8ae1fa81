"""template.yaml and the nested cluster/eks.yaml as values, for the tests that look into them."""

from collections.abc import Iterator, Mapping
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from tests.conformance.toolbox import ROOT

TEMPLATE = ROOT / "template.yaml"
CLUSTER = ROOT / "cluster" / "eks.yaml"

template: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
cluster: dict[str, Any] = yaml_parse(CLUSTER.read_text(encoding="utf-8"))
resources: dict[str, dict[str, Any]] = template["Resources"]


def of_type(kind: str, *, among: Mapping[str, dict[str, Any]] = resources) -> dict[str, dict[str, Any]]:
    """Return the properties of the resources of one type, by logical id."""
    return {name: found.get("Properties", {}) for name, found in among.items() if found["Type"] == kind}


def statements(role: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of a role's policies: inline, and the stack's managed policies."""
    properties = resources[role]["Properties"]
    named = [resources[each["Ref"]]["Properties"] for each in properties.get("ManagedPolicyArns", [])]
    for policy in [*properties.get("Policies", []), *named]:
        yield from policy["PolicyDocument"]["Statement"]


def trust(role: str) -> dict[str, Any]:
    """Return the one statement of a role's trust policy."""
    (statement,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    found: dict[str, Any] = statement
    return found


def listed(value: Any) -> list[Any]:
    """Return a value as a list; IAM reads a single value as a list of one."""
    return value if isinstance(value, list) else [value]


def references(value: Any) -> Iterator[str]:
    """Yield the logical ids, and parameters, that a part of a template refers to by Ref or Fn::GetAtt."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0] if isinstance(item, list) else item.split(".")[0]
            else:
                yield from references(item)
