"""AWS clients, created on first use: importing this package reads no environment and opens no connection."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
import botocore.session
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


def clients_for(environment: Mapping[str, str], *, config: Config = CONFIG) -> Callable[[str], Any]:
    """Return a function that returns clients, by service, for the endpoint and the account that these variables name.

    This process's own variables, profiles and proxies have no influence on them, and stay as they are.
    """
    # Each setting with its default and without its variable. A missing file of settings is an empty one.
    isolated = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in botocore.session.Session.SESSION_VARIABLES.items()
    }
    no_file = (None, None, os.devnull, None)
    isolated |= {"config_file": no_file, "credentials_file": no_file}
    session = boto3.Session(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
        botocore_session=botocore.session.Session(isolated),
    )
    direct = config.merge(Config(proxies={}))
    make: Callable[..., Any] = session.client

    @cache
    def client_of(service: str) -> Any:
        return make(service, endpoint_url=environment["AWS_ENDPOINT_URL"], config=direct)

    return client_of
