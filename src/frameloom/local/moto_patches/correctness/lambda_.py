"""Lambda functions that run, without docker."""

import json
import threading
from pathlib import Path
from typing import Any

from moto.awslambda import models

from frameloom.local.lambda_host import LambdaHost
from frameloom.local.lambda_runtime import Function
from frameloom.local.moto_patches.patch import replace, replace_created
from frameloom.local.shared_imports import import_paths


def apply(functions: LambdaHost) -> None:
    """Have every invocation, whoever makes it, run on `functions`."""
    replace(models.LambdaFunction, "invoke", lambda _: _runs_on(functions))
    replace_created(models.LambdaFunction, _keeps_its_layers)
    models.LayerVersion.physical_resource_id = property(_is_its_arn)


def _runs_on(functions: LambdaHost) -> Any:
    """Run the function's own code.

    Facts: moto runs functions in docker, one container for each invocation. It calls what a handler raises
    "Handled", where AWS says "Unhandled", and makes the caller of an asynchronous invocation wait for its end.
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


def _keeps_its_layers(original: Any) -> Any:
    """Fact: a function that CloudFormation creates has no layers, whatever the template says."""

    def create(name: str, resource: Any, *args: Any, **kwargs: Any) -> Any:
        function = original(name, resource, *args, **kwargs)
        function.layers = function._get_layers_data(resource["Properties"].get("Layers", []))
        return function

    return create


def _is_its_arn(layer: Any) -> Any:
    """Fact: Ref of a layer gives moto's own object, where CloudFormation gives the version's ARN."""
    return layer.arn


def described(model: Any) -> Function:
    """Return one of moto's functions as its host needs it."""
    # template.py has left all code on this machine's disk: a key is a folder's path.
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
