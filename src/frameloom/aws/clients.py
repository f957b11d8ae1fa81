"""AWS clients, created on first use: importing this package reads no environment and opens no connection."""

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

# In the mode `adaptive`, throttled clients slow down instead of failing. The pool is for the threads of transfers.
CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=32, connect_timeout=10)
# For requests that are repeated soon anyway, such as heartbeats: a service that does not respond may delay them for
# seconds, not for minutes.
HASTY = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=5)
# For callers that have their own retries for outages. The longest poll of SQS takes 20 seconds.
BRIEF = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32, connect_timeout=5, read_timeout=30
)


@cache
def client(service: str, config: Config = CONFIG) -> Any:
    """Return the process's client for a service; boto3's settings determine the endpoint and the account."""
    # The stubs have an overload for each service, but none for a variable.
    make: Callable[..., Any] = boto3.client
    return make(service, config=config)
