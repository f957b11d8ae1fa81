"""Stacks whose state machines execute, with the definition that the template gives them."""

import json
from pathlib import Path
from typing import Any

from moto.cloudformation import models as cloudformation
from moto.cloudformation import parsing
from moto.stepfunctions import models
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from frameloom.local.moto_patches.patch import replace, replace_created
from frameloom.local.moto_patches.speed.definitions import filled_in


def apply() -> None:
    """Mend how CloudFormation reads a template and creates state machines."""
    replace(models, "stepfunctions_backends", lambda _: stepfunctions_parser_backends)
    replace_created(models.StateMachine, _fills_in_its_definition)
    replace(parsing, "clean_json", _keeps_doubled_dollars)
    replace(cloudformation.Stack, "parse_template", _reads_json_as_json)


def _fills_in_its_definition(original: Any) -> Any:
    """Facts: DefinitionS3Location and DefinitionSubstitutions are ignored, and so is the type of the machine.

    State machines of a stack also land in the backend that executes nothing; `apply` says where they belong.
    """

    def create(name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        properties = resource["Properties"]
        definition = properties.get("DefinitionString", "")
        if place := properties.get("DefinitionS3Location"):
            # template.py has left it on this machine's disk: the key is its path.
            definition = Path(place["Key"]).read_text(encoding="utf-8")
        filled = filled_in(definition, properties.get("DefinitionSubstitutions", {}))
        properties = {**properties, "DefinitionString": filled}
        machine = original(name, {**resource, "Properties": properties}, *args, **kwargs)
        machine.type = properties.get("StateMachineType", machine.type)
        return machine

    return create


def _keeps_doubled_dollars(original: Any) -> Any:
    """Fact: Fn::Sub with a map of values makes one `$` of every `$$`, and `$$.` is how ASL names its context."""

    def clean_json(node: Any, resources: Any) -> Any:
        match node:
            case {"Fn::Sub": [str() as text, dict() as values]}:
                for name, value in values.items():
                    text = text.replace(f"${{{name}}}", str(clean_json(value, resources)))
                node = {"Fn::Sub": text}
        return original(node, resources)

    return clean_json


def _reads_json_as_json(original: Any) -> Any:
    """Fact: a template is read as YAML, which JSON is, too, but takes a hundred times as long: 0.1 to 0.2 seconds."""

    def parse_template(template: str) -> Any:
        try:
            return json.loads(template)
        except ValueError:
            return original(template)

    return staticmethod(parse_template)
