"""Templates that are parsed as JSON."""

import json
from typing import Any

from moto.cloudformation.models import Stack

from frameloom.local.moto_patches.patch import replace


def apply() -> None:
    """Patch how CloudFormation parses a template."""
    replace(Stack, "parse_template", _parse_json_first)


def _parse_json_first(original: Any) -> Any:
    """Parse a template as JSON if it is JSON.

    moto: it is parsed as YAML, which includes JSON but takes a hundred times as long: 0.1 to 0.2 seconds.
    """

    def parse_template(template: str) -> Any:
        try:
            return json.loads(template)
        except ValueError:
            return original(template)

    return staticmethod(parse_template)
