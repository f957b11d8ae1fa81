"""Clients of a local farm, made from the variables that it prints."""

from collections.abc import Mapping
from typing import Any

import boto3


def farm_client(environment: Mapping[str, str], service: str, **options: Any) -> Any:
    """Return a client for a service of the farm in an environment."""
    make: Any = boto3.Session().client
    return make(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        **options,
    )
