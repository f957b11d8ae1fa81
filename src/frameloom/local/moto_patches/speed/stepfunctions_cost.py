"""Faster processing of each item of a Map. No outcome changes.

Measured 2026-11-30: saves 8.1 of 12.6 processor seconds of a job of 150 chunks (docs/decisions/0022).
"""

import threading
import time
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

from moto import backends
from moto.sqs import models as sqs
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program import program
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
    replace(program.Program, "eval", _run_without_thread)
    replace(sqs, "unix_time_millis", _read_clock)
    replace(sqs.SQSBackend, "is_message_valid_based_on_retention_period", _read_one_attribute)


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


def _run_without_thread(original: Any) -> Any:
    """Run a machine without a timeout in the thread that waits for it.

    moto: each item runs in a thread of its own, while its worker's thread waits, with a timeout or without.
    """

    def eval_program(self: Any, env: Any) -> None:
        if self.timeout_seconds is not None:
            original(self, env)
            return
        env.next_state_name = self.start_at.start_at_name
        EvalComponent.eval(self, env)

    return eval_program


def _read_clock(_original: Any) -> Any:
    """Read the clock directly.

    moto: a receive asks each message of the queue for the time, several times, 3 us each.
    """
    return lambda: time.time() * 1000


def _read_one_attribute(_original: Any) -> Any:
    """Read the one attribute of a queue that a receive needs.

    moto: each received message counts all messages of its queue three times, for the queue's other attributes.
    """

    def is_valid(self: Any, queue_name: str, message: Any) -> bool:
        retained = self.get_queue(queue_name).message_retention_period
        return bool(message.sent_timestamp / 1000 + retained > time.time())

    return is_valid
