"""The parts of the template that ministack 1.5.33 does not support, and their replacements.

- Alarms on metric math: its CloudFormation refuses any alarm with `Metrics`. Each becomes an alarm on the first
  metric of its sum, so that references to the alarm resolve.
- The association of a role with a cluster's pods: its CloudFormation lacks the type. They are left out,
  since no pod runs.
"""

from pathlib import Path
from typing import Any

import yaml

from tests.deploy.build import Build

ALARM, POD_IDENTITY = "AWS::CloudWatch::Alarm", "AWS::EKS::PodIdentityAssociation"

Resource = dict[str, Any]


def deployable(build: Build) -> Path:
    """Write the built template for ministack beside the original, and return its path."""
    template = read(build.template)
    for name, resource in refused(template).items():
        if resource["Type"] == ALARM:
            template["Resources"][name] = _without_math(resource)
        else:
            del template["Resources"][name]
    # In the same folder, since its paths are relative.
    path = build.folder / "template-for-ministack.yaml"
    path.write_text(yaml.safe_dump(template, sort_keys=False), encoding="utf-8")
    return path


def read(template: Path) -> dict[str, Any]:
    """Return a built template, which is plain YAML."""
    content: dict[str, Any] = yaml.safe_load(template.read_text(encoding="utf-8"))
    return content


def refused(template: dict[str, Any]) -> dict[str, Resource]:
    """Return the resources that ministack refuses, by logical id."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] == POD_IDENTITY or (resource["Type"] == ALARM and "Metrics" in resource["Properties"])
    }


def _without_math(alarm: Resource) -> Resource:
    properties = {name: value for name, value in alarm["Properties"].items() if name != "Metrics"}
    metric = next(found["MetricStat"] for found in alarm["Properties"]["Metrics"] if "MetricStat" in found)
    plain = {**metric["Metric"], "Statistic": metric["Stat"], "Period": metric["Period"]}
    return {**alarm, "Properties": properties | plain}
