"""What ministack 1.5.33 does not know of the template, and so is not deployed to it. The rest goes there as it is.

Alarms on metric math: its CloudFormation refuses any alarm with `Metrics`.
"""

from pathlib import Path
from typing import Any

import yaml

from tests.deploy.build import Build


def deployable(build: Build) -> Path:
    """Write the built template without what ministack refuses, beside the built one, and return it."""
    template = yaml.safe_load(build.template.read_text(encoding="utf-8"))
    gaps = left_out(template)
    template["Resources"] = {name: each for name, each in template["Resources"].items() if name not in gaps}
    # Beside it, since its paths are relative.
    path = build.folder / "template-for-ministack.yaml"
    path.write_text(yaml.safe_dump(template, sort_keys=False), encoding="utf-8")
    return path


def left_out(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the resources that ministack refuses, by logical id."""
    return {name: resource for name, resource in template["Resources"].items() if _is_refused(resource)}


def _is_refused(resource: dict[str, Any]) -> bool:
    return resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
