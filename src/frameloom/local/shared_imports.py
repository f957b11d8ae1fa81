"""Find the modules and layers of a template's functions, to import them before the functions are called. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from frameloom.local.environment import LOCAL_FILES


def warm_up(template: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the modules of the handlers and the folders of the layers in a CloudFormation template.

    `layers` is empty unless all functions have the same layers, since a function must not see the layer of another.
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
    """Return the folders that a layer adds to a function's path: in a built layer, the modules are in python/."""
    return [layer / "python", layer]


def _layer_paths(template: Mapping[str, Any], layer: Any) -> list[str]:
    resource = template["Resources"].get(layer.get("Ref")) if isinstance(layer, dict) else None
    folder = _folder(resource["Properties"]["Content"]) if resource else None
    return [str(path) for path in import_paths(Path(folder))] if folder else []


def _folder(code: Mapping[str, Any]) -> str | None:
    return code["S3Key"] if code.get("S3Bucket") == LOCAL_FILES else None
