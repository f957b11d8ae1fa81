"""Which code the functions of a template have in common, so that it can be imported before they are called. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frameloom.local.environment import LOCAL_FILES


def warm_up(template: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the handlers' modules and the layers' folders of a template, as CloudFormation takes it.

    There are layers only where all functions have the same: a module of one function's layer is none of another's.
    """
    functions = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function" and _folder(resource["Properties"].get("Code", {}))
    ]
    layers = [function.get("Layers", []) for function in functions]
    shared = layers[0] if layers and all(each == layers[0] for each in layers) else []
    return {
        "handlers": [f"{_folder(each['Code'])}/{each['Handler'].rpartition('.')[0]}.py" for each in functions],
        "layers": [path for layer in shared for path in _layer_paths(template, layer)],
    }


def import_paths(layer: Path) -> list[Path]:
    """Return what a layer's folder adds to a function's path: its modules lie in python/ once it is built."""
    return [layer / "python", layer]


def _layer_paths(template: Mapping[str, Any], layer: Any) -> list[str]:
    resource = template["Resources"].get(layer.get("Ref")) if isinstance(layer, dict) else None
    folder = _folder(resource["Properties"]["Content"]) if resource else None
    return [str(path) for path in import_paths(Path(folder))] if folder else []


def _folder(code: Mapping[str, Any]) -> str | None:
    return code["S3Key"] if code.get("S3Bucket") == LOCAL_FILES else None
