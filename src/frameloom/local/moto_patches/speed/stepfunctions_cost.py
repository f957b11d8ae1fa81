"""What an item of a Map costs in moto, brought down to what it does: nothing here changes an outcome."""

import threading
import time
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from moto import backends
from moto.sqs import models as sqs
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import inline_iteration_component
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.backend import execution_worker

from frameloom.local.moto_patches.patch import replace
from frameloom.local.moto_patches.speed.definitions import Definitions


def apply() -> None:
    """Mend what costs most."""
    for module in (json_path, result_path):
        replace(module, "parse", _paths_are_parsed_once)
    replace(boto_client, "boto3", _clients_are_made_once)
    replace(backends, "list_of_moto_modules", _services_are_listed_once)
    replace(program.Program, "eval", _no_thread_to_watch_no_clock)
    replace(models, "AmazonStateLanguageParser", _definitions_are_parsed_once)
    execution_worker.AmazonStateLanguageParser = models.AmazonStateLanguageParser
    replace(sqs, "unix_time_millis", _the_time_is_just_read)
    replace(sqs.SQSBackend, "is_message_valid_based_on_retention_period", _one_attribute_is_looked_up)
    for module in (execute_state, inline_iteration_component, program):
        replace(module, "TMP_THREADS", _threads_are_forgotten)


def _paths_are_parsed_once(original: Any) -> Any:
    """A path is parsed once.

    Fact: each use of a path builds a parser for it, a millisecond or more, about ten times for an item.
    """
    return lru_cache(maxsize=4096)(original)


def _definitions_are_parsed_once(parser: Any) -> Any:
    """A definition is parsed once, when its machine is created, and not even then where a farm before has done so.

    Fact: each execution has it parsed anew, which holds up all else for 70 ms or more where it is the farm's, and the
    first time takes 300.
    """
    return Definitions(parser)


def _clients_are_made_once(original: Any) -> Any:
    """A service has one client.

    Fact: each task makes a client, a few milliseconds apiece, from boto3's default session, which threads must not
    share for that. A client itself may be shared.
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


def _services_are_listed_once(original: Any) -> Any:
    """The services are listed once.

    Fact: each request, whatever its service, lists the folders of moto, 1.5 ms, while all others wait.
    """
    services = frozenset(original())
    return lambda: services


def _no_thread_to_watch_no_clock(original: Any) -> Any:
    """A machine without a time limit runs in the thread that waits for it.

    Fact: each item runs in a thread of its own beside its worker's, which waits for it, with a time-out or not.
    """

    def eval_program(self: Any, env: Any) -> None:
        if self.timeout_seconds is not None:
            original(self, env)
            return
        env.next_state_name = self.start_at.start_at_name
        EvalComponent.eval(self, env)

    return eval_program


def _threads_are_forgotten(_original: Any) -> Any:
    """Threads that have ended are forgotten.

    Fact: every thread that ever ran is kept in a list that nobody reads, some 5 KB for an item.
    """
    return SimpleNamespace(append=lambda _thread: None)


def _the_time_is_just_read(_original: Any) -> Any:
    """The queue asks the clock for the time.

    Fact: what asks for messages asks each message of the queue for the time, several times, 3 us apiece.
    """
    return lambda: time.time() * 1000


def _one_attribute_is_looked_up(_original: Any) -> Any:
    """One setting of a queue is looked up as one.

    Fact: each message received counts all messages of its queue three times, to know one setting of it.
    """

    def is_valid(self: Any, queue_name: str, message: Any) -> bool:
        retained = self.get_queue(queue_name).message_retention_period
        return bool(message.sent_timestamp / 1000 + retained > time.time())

    return is_valid
