"""Faster processing of each item of a Map. No outcome changes.

Measured 2026-11-30: saves 8.1 of 12.6 processor seconds of a job of 150 chunks.
"""

import threading
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

from moto import backends
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.backend import execution_worker

from frameloom.local.moto_patches.patch import replace
from frameloom.local.moto_patches.speed.definitions import Definitions


def apply() -> None:
    """Patch the most expensive parts of an item."""
    for module in (json_path, result_path):
        replace(module, "parse", _parse_paths_once)
    replace(boto_client, "boto3", _share_clients)
    replace(backends, "list_of_moto_modules", _list_services_once)
    for module in (models, execution_worker):
        replace(module, "AmazonStateLanguageParser", _parse_definitions_once)


def _parse_paths_once(original: Any) -> Any:
    """Parse each path once.

    moto: each use of a path builds a parser for it, which takes a millisecond or more, about ten times per item.
    """
    return lru_cache(maxsize=4096)(original)


@cache
def _parse_definitions_once(parser: Any) -> Any:
    """Parse a definition once, or not at all if an earlier farm has parsed it.

    moto: each execution parses its definition. The farm's takes 130 ms, in which nothing else runs, and the first time
    300 ms.
    """
    return Definitions(parser)


def _share_clients(original: Any) -> Any:
    """Make one client per service.

    moto: each task makes a client, which takes milliseconds, from boto3's default session, which is not thread-safe.
    A client is.
    """
    making = threading.Lock()
    clients: dict[tuple[Any, ...], Any] = {}

    def client(*, service_name: str, region_name: str, endpoint_url: str | None = None, **options: Any) -> Any:
        key = (service_name, region_name, endpoint_url)
        with making:
            if key not in clients:
                clients[key] = original.client(
                    service_name=service_name, region_name=region_name, endpoint_url=endpoint_url, **options
                )
            return clients[key]

    return SimpleNamespace(client=client)


def _list_services_once(original: Any) -> Any:
    """List moto's services once.

    moto: each request to any service lists moto's folders, which takes 1.5 ms, in which nothing else runs.
    """
    services = frozenset(original())
    return lambda: services
