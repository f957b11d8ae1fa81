"""Lambda functions that run without docker."""

import json
import threading
from pathlib import Path
from typing import Any

from moto.awslambda import models

from frameloom.local.lambda_host import LambdaHost
from frameloom.local.lambda_runtime import Function
from frameloom.local.moto_patches.patch import add_property, replace, replace_created
from frameloom.local.shared_imports import import_paths


def apply(functions: LambdaHost) -> None:
    """Run every invocation on `functions`, whichever service makes it."""
    replace(models.LambdaFunction, "invoke", lambda original: _invoke_on(original, functions))
    replace_created(models.LambdaFunction, _create_with_layers)
    add_property(models.LayerVersion, "physical_resource_id", _layer_arn)


def _invoke_on(_original: Any, functions: LambdaHost) -> Any:
    """Run a function's own code in a process of this machine.

    moto: functions run in docker, in one container per invocation. An error of a handler is "Handled", where AWS
    reports "Unhandled". The caller of an asynchronous invocation waits for its end.
    """

    def invoke(self: Any, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        event = body.decode() if isinstance(body, bytes) else body
        json.loads(event or "{}")
        kind = request_headers.get("x-amz-invocation-type") or request_headers.get("X-Amz-Invocation-Type")
        if kind == "DryRun":
            return b""
        if kind == "Event":
            call = threading.Thread(target=functions.invoke, args=(described(self), event or "{}"), daemon=True)
            call.start()
            return b""
        answer = functions.invoke(described(self), event or "{}")
        if answer.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return answer.payload.encode()

    return invoke


def _create_with_layers(original: Any) -> Any:
    """Create a stack's function with its layers.

    moto: the function has no layers.
    """

    def create(name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        function = original(name, resource, *args, **kwargs)
        function.layers = function._get_layers_data(resource["Properties"].get("Layers", []))
        return function

    return create


def _layer_arn(layer: Any) -> Any:
    """Return a layer version's ARN for Ref.

    moto: Ref of a layer is moto's own object.
    """
    return layer.arn


def described(model: Any) -> Function:
    """Return one of moto's functions as its host needs it."""
    # A key is a folder's path on this machine's disk: see template.py.
    backend = models.lambda_backends[model.account_id][model.region]
    layers = [Path(backend.layers_versions_by_arn(layer["Arn"]).content["S3Key"]) for layer in model.layers]
    return Function(
        name=model.function_name,
        arn=model.function_arn,
        role=model.role,
        runtime=model.run_time,
        handler=model.handler,
        code=Path(model.code["S3Key"]),
        layers=tuple(path for layer in layers for path in import_paths(layer)),
        environment=tuple((name, str(value)) for name, value in model.environment_vars.items()),
        timeout=int(model.timeout),
        memory_mb=int(model.memory_size),
    )
