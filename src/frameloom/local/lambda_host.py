"""Runs functions as AWS Lambda does: each in its own warm processes, several at once, with a timeout."""

import os
import signal
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing import active_children, forkserver, get_context, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path

from frameloom.local.environment import access_key
from frameloom.local.lambda_preload import WARM
from frameloom.local.lambda_runtime import Answer, Function, Ready, Request, failure, serve

# Timeout for the import of a function's module. AWS allows ten seconds; a laptop that renders on all cores needs more.
INIT_SECONDS = 60

# Timeout for killed processes to end, in seconds.
_GONE_WITHIN = 2.0

# The environment variables of this machine that are passed to functions.
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "NO_PROXY", "no_proxy")

_context = get_context("forkserver")
_context.set_forkserver_preload(["frameloom.local.lambda_runtime", "frameloom.local.lambda_preload"])
# multiprocessing's list of children is not thread-safe.
_starting = threading.Lock()


def start_forkserver(warm: str) -> None:
    """Start the process from which runtimes are forked, whose imports then run in parallel with this process.

    Args:
        warm: its imports, in the format of `frameloom.local.lambda_preload`.
    """
    os.environ[WARM] = warm
    forkserver.ensure_running()


def end_forkserver() -> None:
    """Kill all runtimes and the process that forks them, and wait until they have ended. No runtime can start again.

    Otherwise the forking process would end some time after this one.
    """
    # Permanently: a state machine that still runs may call a function at any time.
    _starting.acquire()
    runtimes = active_children()
    for runtime in runtimes:
        _kill(runtime)
    deadline = time.monotonic() + _GONE_WITHIN
    for runtime in runtimes:
        runtime.join(max(0, deadline - time.monotonic()))
    for pid in (forkserver._forkserver._forkserver_pid, resource_tracker._resource_tracker._pid):  # type: ignore[attr-defined]  # noqa: SLF001
        if pid is not None:
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


class LambdaHost:
    """The processes of all functions of a farm.

    Args:
        environment: added to every function's own variables (endpoint, region, credentials).
        log: the file to which the functions' output is appended.
        runtimes_per_function: the number of concurrent invocations of one function; further ones wait.
    """

    def __init__(self, *, environment: Mapping[str, str], log: Path, runtimes_per_function: int = 10) -> None:
        self._environment = dict(environment)
        self._log = log
        self._runtimes_per_function = runtimes_per_function
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()

    def invoke(self, function: Function, event: str) -> Answer:
        """Return the handler's answer to `event` (JSON). An error of any kind is an answer, too."""
        request_id = str(uuid.uuid4())
        pool = self._pool(function)
        with pool.slots:
            runtime = pool.idle_runtime() or _Runtime(function, self._runtime_environment(function), self._log)
            pool.busy.add(runtime)
            try:
                return runtime.invoke(event, request_id)
            finally:
                pool.give_back(runtime)

    def start(self, function: Function) -> None:
        """Start a process for a function without one, so that its first call does not wait for the start."""
        pool = self._pool(function)
        if not (pool.idle or pool.busy):
            pool.give_back(_Runtime(function, self._runtime_environment(function), self._log))

    def close(self) -> None:
        """Kill every runtime, with or without a running invocation."""
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.close()

    def _pool(self, function: Function) -> "_Pool":
        with self._lock:
            pool = self._pools.get(function.name)
            if pool is None or pool.function != function:
                # Warm runtimes have the old configuration; they end when their pipes are closed.
                pool = self._pools[function.name] = _Pool(function, self._runtimes_per_function)
            return pool

    def _runtime_environment(self, function: Function) -> dict[str, str]:
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
        return {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            **self._environment,
            "AWS_ACCESS_KEY_ID": access_key(function.role),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "LAMBDA_TASK_ROOT": str(function.code),
            "_HANDLER": function.handler,
            "TZ": "UTC",
            # This machine has no X-Ray daemon.
            "POWERTOOLS_TRACE_DISABLED": "true",
            **dict(function.environment),
        }


class _Pool:
    """The runtimes of one function in one configuration."""

    def __init__(self, function: Function, size: int) -> None:
        self.function = function
        self.slots = threading.Semaphore(size)
        self.idle: list[_Runtime] = []
        self.busy: set[_Runtime] = set()

    def idle_runtime(self) -> "_Runtime | None":
        with suppress(IndexError):
            while True:
                # The last used runtime, so that the extra runtimes of a burst stay unused.
                runtime = self.idle.pop()
                if runtime.alive:
                    return runtime
        return None

    def give_back(self, runtime: "_Runtime") -> None:
        self.busy.discard(runtime)
        if runtime.alive:
            self.idle.append(runtime)

    def close(self) -> None:
        for runtime in [*self.idle, *self.busy]:
            runtime.kill()


class _Runtime:
    """One process that runs one function, one invocation at a time."""

    def __init__(self, function: Function, environment: Mapping[str, str], log: Path) -> None:
        self._function = function
        self._ready = self._ended = False
        with _starting:
            self._pipe, theirs = _context.Pipe()
            self._process = _context.Process(target=serve, args=(function, environment, log, theirs), daemon=True)
            self._process.start()
            theirs.close()

    @property
    def alive(self) -> bool:
        # A killed process may still be alive for a moment.
        return not self._ended and self._process.is_alive()

    def invoke(self, event: str, request_id: str) -> Answer:
        try:
            if not self._ready:
                if not self._pipe.poll(INIT_SECONDS):
                    return self._timed_out(request_id, INIT_SECONDS)
                ready: Ready = self._pipe.recv()
                if ready.broken is not None:
                    self.kill()
                    return ready.broken
                self._ready = True
            timeout = self._function.timeout
            self._pipe.send(Request(id=request_id, event=event, deadline=time.time() + timeout))
            if not self._pipe.poll(timeout):
                return self._timed_out(request_id, timeout)
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError):
            return self._died(request_id)
        return answer

    def kill(self) -> None:
        self._ended = True
        _kill(self._process)

    def _timed_out(self, request_id: str, seconds: int) -> Answer:
        self.kill()
        message = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        return failure("Sandbox.Timedout", message, request_id=request_id)

    def _died(self, request_id: str) -> Answer:
        self._ended = True
        self._process.join(timeout=1)
        code = self._process.exitcode
        how = f"exit status {code}"
        if code is not None and code < 0:
            how = f"signal: {signal.strsignal(-code)}".lower()
        message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
        return failure("Runtime.ExitError", message, request_id=request_id)


def _kill(runtime: BaseProcess) -> None:
    if runtime.pid is not None:
        # Kill the group; a process that has just started may not have its own group yet.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(runtime.pid, signal.SIGKILL)
        runtime.kill()
