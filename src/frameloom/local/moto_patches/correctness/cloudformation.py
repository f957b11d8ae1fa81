"""Stacks whose state machines execute, with the definition that the template gives them."""

from pathlib import Path
from typing import Any

from moto.cloudformation import parsing
from moto.stepfunctions import models
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from frameloom.local.moto_patches.patch import replace, replace_created
from frameloom.local.moto_patches.speed.definitions import filled_in


def apply() -> None:
    """Patch how CloudFormation resolves Fn::Sub and creates state machines."""
    replace(models, "stepfunctions_backends", _use_executing_backends)
    replace_created(models.StateMachine, _create_with_definition)
    replace(parsing, "clean_json", _keep_doubled_dollars)


def _use_executing_backends(_original: Any) -> Any:
    """Create a stack's state machines in the backends that execute them.

    moto: they are created in the backends that execute nothing.
    """
    return stepfunctions_parser_backends


def _create_with_definition(original: Any) -> Any:
    """Create a state machine with its definition and its type.

    moto: DefinitionS3Location, DefinitionSubstitutions and StateMachineType are ignored.
    """

    def create(name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        properties = resource["Properties"]
        definition = properties.get("DefinitionString", "")
        if place := properties.get("DefinitionS3Location"):
            # The key is a path on this machine's disk: see template.py.
            definition = Path(place["Key"]).read_text(encoding="utf-8")
        filled = filled_in(definition, properties.get("DefinitionSubstitutions", {}))
        properties = {**properties, "DefinitionString": filled}
        machine = original(name, {**resource, "Properties": properties}, *args, **kwargs)
        machine.type = properties.get("StateMachineType", machine.type)
        return machine

    return create


def _keep_doubled_dollars(original: Any) -> Any:
    """Keep `$$` in Fn::Sub with a map of values.

    moto: it becomes `$`, but ASL names its context object `$$`.
    """

    def clean_json(node: Any, resources: Any) -> Any:
        match node:
            case {"Fn::Sub": [str() as text, dict() as values]}:
                for name, value in values.items():
                    text = text.replace(f"${{{name}}}", str(clean_json(value, resources)))
                node = {"Fn::Sub": text}
        return original(node, resources)

    return clean_json
