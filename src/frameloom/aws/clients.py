"""AWS clients, made when first asked for: importing the farm reads no environment and opens no connection."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

# Adaptive: a throttled farm slows down instead of failing. The pool serves the threads that fetch and upload.
CONFIG = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=32, connect_timeout=10)
# For what is asked again soon anyway, the beats of a lease first of all: a service that says nothing may hold it up for
# seconds and not for minutes.
HASTY = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=3, read_timeout=5)
# For who sits out an outage by his own means, and wants to look up in between; SQS' longest poll takes 20 seconds.
BRIEF = Config(
    retries={"mode": "standard", "total_max_attempts": 3}, max_pool_connections=32, connect_timeout=5, read_timeout=30
)


@cache
def client(service: str, config: Config = CONFIG) -> Any:
    """Return the process's client of a service; boto3's own settings say which endpoint and account."""
    # The stubs have an overload for each service, and none for whichever it may be.
    make: Callable[..., Any] = boto3.client
    return make(service, config=config)


def clients_for(environment: Mapping[str, str], *, config: Config = CONFIG) -> Callable[[str], Any]:
    """Return a function that returns clients, by service, for the endpoint and the account that these variables name.

    This process's own variables, profiles and proxies have no influence on them, and stay as they are.
    """
    nothing, no_file = (None, None, None, None), (None, None, os.devnull, None)
    isolated = {"profile": nothing, "config_file": no_file, "credentials_file": no_file}
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
