"""When a part of an execution is over: what the other mends of Step Functions hang on.

moto 5.2.5 runs an execution as a tree of environments: the execution, a Map's workers, their items, and one for
each attempt at a task. An end (done, failed, timed out, stopped) travels down that tree, but only as a state that
nobody looks at: threads that wait stay asleep. Here is the way to be told.
"""

from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component import eval_component
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import EvalTimeoutError
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.eval import environment

from frameloom.local.moto_patches.patch import replace

_HOOKS = "_frameloom_when_over"


class Abandoned(Exception):
    """What was awaited is of no use any more: its execution was stopped, or the Map around it failed."""


def when_over(env: Any, call: Callable[[], None]) -> None:
    """Have `call` called once, from any thread, when `env` stops running: at once where it already has."""
    with env._state_mutex:
        if env.is_running():
            env.__dict__.setdefault(_HOOKS, []).append(call)
            return
    call()


def apply() -> None:
    """Mend how environments end."""
    for name in ("set_ended", "set_error", "set_timed_out", "set_stop"):
        replace(environment.Environment, name, _tells_who_waits)
    replace(environment.Environment, "set_error", _an_end_is_final)
    replace(execute_state.ExecutionState, "_from_error", _what_is_abandoned_is_not_retried)
    replace(eval_component.EvalComponent, "_log_exception", _what_is_abandoned_is_not_logged)


def _tells_who_waits(original: Any) -> Any:
    """An environment that ends tells who waits for that.

    Fact: the end of an environment wakes nobody.
    AWS: whatever waits inside ends with it, at once.
    """

    def end(self: Any, *args: Any, **kwargs: Any) -> None:
        with self._state_mutex:
            original(self, *args, **kwargs)
            calls = [] if self.is_running() else self.__dict__.pop(_HOOKS, [])
        for call in calls:
            call()

    return end


def _an_end_is_final(original: Any) -> Any:
    """An environment that has ended cannot fail any more.

    Fact: what breaks inside a stopped execution makes it FAILED.
    AWS: it stays ABORTED, or TIMED_OUT.
    """

    def set_error(self: Any, error: Any) -> None:
        with self._state_mutex:
            if self.is_running():
                original(self, error)

    return set_error


def _what_is_abandoned_is_not_retried(original: Any) -> Any:
    """What is abandoned is neither retried nor caught.

    Fact: a wait that ends with its execution is a failure, for Retry, for Catch and in the history.
    """

    def _from_error(self: Any, env: Any, ex: Exception) -> Any:
        if not isinstance(ex, Abandoned):
            return original(self, env, ex)
        if env.is_running():
            # The attempt alone is over: its time was, and its thread was faster than the one that watches the clock.
            return self._from_error(env=env, ex=EvalTimeoutError())
        raise ex

    return _from_error


def _what_is_abandoned_is_not_logged(original: Any) -> Any:
    """What is abandoned is no error.

    Fact: each level that an exception passes writes itself to the log in full, milliseconds for each waiting item.
    """

    def _log_exception(self: Any, exception: Exception) -> None:
        if not isinstance(exception, Abandoned):
            original(self, exception=exception)

    return _log_exception
