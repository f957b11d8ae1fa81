"""Signs the calls of state machines with the farm's key."""

from types import SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.asl.utils import boto_client

from frameloom.local.moto_patches.patch import replace


def apply(secret: str) -> None:
    """Sign the calls of state machines with a secret."""
    replace(boto_client, "boto3", lambda original: _sign_with(original, secret))


def _sign_with(original: Any, secret: str) -> Any:
    """Sign with the farm's key.

    moto: a task signs its calls with the key "sk", since moto checks no signature.
    """

    def client(**options: Any) -> Any:
        return original.client(**options | {"aws_secret_access_key": secret})

    return SimpleNamespace(client=client)
