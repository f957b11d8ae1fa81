"""Callbacks for the end of an execution or of a part of it, which the other patches of Step Functions use.

moto runs an execution as a tree of environments: the execution, a Map's workers, their items, and each attempt at a
task. An end (done, failed, timed out, stopped) is passed down the tree as a state, but no waiting thread is notified.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.program import program
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import inline_iteration_component
from moto.stepfunctions.parser.asl.eval import environment

from frameloom.local.moto_patches.patch import replace

_HOOKS = "_frameloom_when_over"


class Abandoned(Exception):
    """The execution was stopped, or the Map around the task failed, so the wait is over without a result."""


def when_over(env: Any, call: Callable[[], None]) -> None:
    """Call `call` once, from any thread, when `env` stops running, or now if it already has."""
    with env._state_mutex:
        if env.is_running():
            env.__dict__.setdefault(_HOOKS, []).append(call)
            return
    call()


def apply() -> None:
    """Patch how environments end."""
    for name in ("set_ended", "set_error", "set_timed_out", "set_stop"):
        replace(environment.Environment, name, _notify_waiting)
    replace(environment.Environment, "set_error", _end_once)
    replace(execute_state.ExecutionState, "_from_error", _do_not_retry_abandoned)
    replace(eval_component.EvalComponent, "_log_exception", _do_not_log_abandoned)
    for module in (execute_state, inline_iteration_component, program):
        replace(module, "TMP_THREADS", _forget_threads)


def _notify_waiting(original: Any) -> Any:
    """Notify the threads that wait for an environment when it ends.

    moto: they are not notified.
    AWS: every wait inside an execution ends with it, at once.
    """

    def end(self: Any, *args: Any, **kwargs: Any) -> None:
        with self._state_mutex:
            original(self, *args, **kwargs)
            calls = [] if self.is_running() else self.__dict__.pop(_HOOKS, [])
        for call in calls:
            call()

    return end


def _end_once(original: Any) -> Any:
    """Keep the status of an environment that has ended.

    moto: an error inside a stopped execution sets it to FAILED.
    AWS: it stays ABORTED or TIMED_OUT.
    """

    def set_error(self: Any, error: Any) -> None:
        with self._state_mutex:
            if self.is_running():
                original(self, error)

    return set_error


def _do_not_retry_abandoned(original: Any) -> Any:
    """Neither retry nor catch an abandoned task.

    moto: a wait that ends with its execution is a failure for Retry, for Catch and in the history.
    """

    def _from_error(self: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, Abandoned):
            return original(self, env, ex)
        if env.is_running():
            # Only the attempt is over: it timed out, and its thread noticed before the thread that measures the time.
            return self._from_error(env=env, ex=EvalTimeoutError())
        raise ex

    return _from_error


def _do_not_log_abandoned(original: Any) -> Any:
    """Do not log an abandoned task as an error.

    moto: each level that an exception passes logs it in full, which takes milliseconds per waiting item.
    """

    def _log_exception(self: Any, exception: Exception) -> None:
        if not isinstance(exception, Abandoned):
            original(self, exception=exception)

    return _log_exception


def _forget_threads(_original: Any) -> Any:
    """Keep no list of threads.

    moto: each thread stays in a list that is never read, about 5 KB per thread, so that the server's memory grows with
    every item of a Map.
    """
    return SimpleNamespace(append=lambda _thread: None)
