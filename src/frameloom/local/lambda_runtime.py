"""The process of a Lambda function: it imports its handler once, then answers invocations over a pipe.

The host sends `Request`s. The runtime sends `Ready` first, then one `Answer` per request. This module imports little,
since each runtime is a fork of a process that has imported it.
"""

import importlib
import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

# The largest result of a synchronous invocation, in bytes. Source: AWS, "Lambda quotas", invocation payload.
LARGEST_PAYLOAD = 6 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A Lambda function as its host needs it; `handler` is "module.function", `timeout` in seconds, `role` an ARN."""

    name: str
    arn: str
    role: str
    runtime: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    environment: tuple[tuple[str, str], ...]
    timeout: int
    memory_mb: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One invocation: the event as JSON, and its deadline in seconds since the epoch."""

    id: str
    event: str
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of an invocation: the handler's value or a description of its error, as JSON."""

    payload: str
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The runtime has imported the handler, or has failed to: then every answer is `broken`."""

    broken: Answer | None = None


class LambdaContext:
    """The context object of a handler, with the attributes that AWS documents for Python."""

    client_context = None
    identity = None

    def __init__(self, function: Function, request: Request) -> None:
        self.function_name = function.name
        self.function_version = "$LATEST"
        self.invoked_function_arn = function.arn
        # A string, as in AWS, whose runtime reads it from the environment.
        self.memory_limit_in_mb = str(function.memory_mb)
        self.aws_request_id = request.id
        self.log_group_name = f"/aws/lambda/{function.name}"
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = request.deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the runtime is killed."""
        return max(0, int((self._deadline - time.time()) * 1000))


def serve(function: Function, environment: Mapping[str, str], log: Path, pipe: Connection) -> None:
    """Run `function` until the pipe or the host ends, with no environment variables but `environment`."""
    os.setsid()  # One signal to the group also ends the processes that a handler started.
    threading.Thread(target=_end_with_host, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    _write_output_to(log)
    handler, broken = _load(function)
    pipe.send(Ready(broken=broken))
    while True:
        try:
            request = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(broken if handler is None else _invoke(function, handler, request))
        if handler is None:
            return


def failure(kind: str, message: str, *, request_id: str = "", trace: list[str] | None = None) -> Answer:
    """Return an answer that describes an error as Lambda does."""
    description = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace or []}
    return Answer(payload=json.dumps(description), failed=True)


def _end_with_host() -> None:
    host = multiprocessing.parent_process()
    if host is not None:
        host.join()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _write_output_to(log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115  # to the end
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115  # to the end
    # AWS's runtime also gives the root logger a handler; without one, warnings of libraries would be lost.
    logging.basicConfig(stream=sys.stdout, format="[%(levelname)s]\t%(asctime)s\t%(message)s", force=True)


def _load(function: Function) -> tuple[Callable[[Any, Any], Any] | None, Answer | None]:
    """Return the handler, or the answer of AWS's runtime for a handler that cannot be imported."""
    sys.path[:0] = [str(function.code), *map(str, function.layers)]
    os.chdir(function.code)
    module_name, _, attribute = function.handler.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
        return getattr(module, attribute), None
    except ImportError as error:
        return None, failure("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}")
    except SyntaxError as error:
        return None, failure("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}")
    except AttributeError as error:
        return None, failure(
            "Runtime.HandlerNotFound", f"Handler '{attribute}' missing on module '{module_name}': {error}"
        )
    except Exception as error:  # noqa: BLE001  # any error of the function is an answer
        return None, _described(error)


def _invoke(function: Function, handler: Callable[[Any, Any], Any], request: Request) -> Answer:
    try:
        value = handler(json.loads(request.event), LambdaContext(function, request))
    except Exception as error:  # noqa: BLE001  # any error of the function is an answer
        answer = _described(error, request.id)
    else:
        answer = _encoded(value, request.id)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    if answer.failed:
        print(f"[ERROR] {answer.payload}")
    return answer


def _encoded(value: Any, request_id: str) -> Answer:
    try:
        payload = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        return failure("Runtime.MarshalError", f"Unable to marshal response: {error}", request_id=request_id)
    size = len(payload.encode())
    if size > LARGEST_PAYLOAD:
        problem = (
            f"Response payload size ({size} bytes) exceeded maximum allowed payload size ({LARGEST_PAYLOAD} bytes)."
        )
        return failure("Function.ResponseSizeTooLarge", problem, request_id=request_id)
    return Answer(payload=payload, failed=False)


def _described(error: Exception, request_id: str = "") -> Answer:
    # Without the first frame, which is in this module: a trace begins with the handler.
    trace = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
    return failure(type(error).__name__, str(error), request_id=request_id, trace=trace)
