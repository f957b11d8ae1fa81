"""Task tokens as in AWS: one per attempt, valid exactly as long as the attempt, answered at most once."""

import threading
import time
from typing import Any

from moto.core.responses import EmptyResult
from moto.stepfunctions import responses
from moto.stepfunctions.parser import api, models
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import Timeout, TimeoutSeconds
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    HeartbeatTimeoutError,
)

from frameloom.local.moto_patches.correctness.stepfunctions_ends import Abandoned, when_over
from frameloom.local.moto_patches.patch import replace


class Token:
    """The token of one attempt at a task: open until it is answered or the attempt is over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._answer: Any = None
        self._heartbeat_at = time.monotonic()

    def answer(self, outcome: Any) -> bool:
        """Set the outcome of the attempt; return False if the token is no longer open."""
        with self._changed:
            if not self._open:
                return False
            self._open, self._answer = False, outcome
            self._changed.notify_all()
            return True

    def heartbeat(self) -> bool:
        """Restart the heartbeat's time; return False if the token is no longer open."""
        with self._changed:
            self._heartbeat_at = time.monotonic()
            self._changed.notify_all()
            return self._open

    def end(self) -> None:
        """Close the token without an answer, and end its wait."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def wait(self, heartbeat: float | None) -> Any:
        """Wait for the outcome and return it.

        Raises:
            HeartbeatTimeoutError: no heartbeat came for `heartbeat` seconds, counted from this call on.
            Abandoned: the attempt is over.
        """
        with self._changed:
            self._heartbeat_at = max(self._heartbeat_at, time.monotonic())
            while self._open:
                left = None if heartbeat is None else self._heartbeat_at + heartbeat - time.monotonic()
                if left is not None and left <= 0:
                    self._open = False
                    raise HeartbeatTimeoutError
                self._changed.wait(left)
            if self._answer is None:
                raise Abandoned
            return self._answer


# Every token of this process, also closed ones: AWS returns another error for a late answer than for an unknown token.
_TOKENS: dict[str, Token] = {}


class MissedHeartbeat(StatesErrorName):  # type: ignore[misc]  # moto has no types
    """The error name of a missed heartbeat, which `States.Timeout` in a Retry or Catch also matches."""

    def __init__(self) -> None:
        super().__init__(typ=StatesErrorNameType.StatesHeartbeatTimeout)

    def matches(self, error_name: str | None) -> bool:
        """Return whether a retrier or catcher that lists `error_name` applies."""
        return error_name in (self.error_name, StatesErrorNameType.StatesTimeout.to_name())


def apply() -> None:
    """Patch task tokens, their timeouts and their answers."""
    replace(StateTaskServiceCallback, "_eval_execution", _create_token_per_attempt)
    replace(StateTaskServiceCallback, "_eval_wait_for_task_token", _wait_until_over)
    replace(StateTaskServiceCallback, "_from_error", _name_missed_heartbeat)
    replace(execute_state.ExecutionState, "from_state_props", _no_default_timeout)
    replace(execute_state.ExecutionState, "_construct_error_output_value", _empty_string_for_no_cause)
    replace(models.StepFunctionsParserBackend, "send_task_success", _succeed_once)
    replace(models.StepFunctionsParserBackend, "send_task_failure", _fail_once)
    replace(models.StepFunctionsParserBackend, "send_task_heartbeat", _accept_heartbeat_of_open_task)
    replace(responses.StepFunctionResponse, "send_task_failure", _fail_with_cause)


def _create_token_per_attempt(original: Any) -> Any:
    """Create a token for each attempt at a task.

    moto: a retry reuses the token, so the second attempt fails at once with the first one's answer. A token stays
    valid after its attempt.
    AWS: each attempt has its own token, which ends with the attempt.
    """

    def _eval_execution(self: Any, env: Any) -> None:
        if self.resource.condition != ResourceCondition.WaitForTaskToken:
            original(self, env)
            return
        name = env.states.context_object.update_task_token()
        env.callback_pool_manager.add(name)
        token = _TOKENS[name] = Token()
        when_over(env, token.end)
        try:
            original(self, env)
        finally:
            token.end()

    return _eval_execution


def _wait_until_over(original: Any) -> Any:
    """End the wait for a token with its attempt, and accept an answer that comes before the wait.

    moto: a wait goes on after a timeout, StopExecution and the end of its Map, up to the heartbeat's timeout. It misses
    an answer or a heartbeat that comes while the message is being sent.
    """

    def wait(self: Any, env: Any, timeout_seconds: Any, callback_endpoint: Any, heartbeat_endpoint: Any) -> Any:
        if self.resource.condition != ResourceCondition.WaitForTaskToken:
            return original(self, env, timeout_seconds, callback_endpoint, heartbeat_endpoint)
        heartbeat = heartbeat_endpoint._heartbeat_seconds if heartbeat_endpoint else None
        return _TOKENS[callback_endpoint.callback_id].wait(heartbeat)

    return wait


def _name_missed_heartbeat(original: Any) -> Any:
    """Report a missed heartbeat by its error name.

    moto: States.Timeout.
    AWS: States.HeartbeatTimeout.
    """

    def _from_error(self: Any, env: Any, ex: Exception) -> Any:
        event = original(self, env, ex)
        if isinstance(ex, HeartbeatTimeoutError):
            event.error_name = MissedHeartbeat()
            event.event_details["taskTimedOutEventDetails"]["error"] = event.error_name.error_name
        return event

    return _from_error


def _no_default_timeout(original: Any) -> Any:
    """Set no timeout for a task that has only a heartbeat.

    moto: the task ends after 60 s.
    AWS: the default is 99,999,999 s.
    """

    def from_state_props(self: Any, state_props: Any) -> None:
        original(self, state_props)
        if state_props.get(Timeout) is None:
            self.timeout = TimeoutSeconds(timeout_seconds=TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS)

    return from_state_props


def _empty_string_for_no_cause(original: Any) -> Any:
    """Return an empty cause for a failure without one.

    moto: Catch returns `"Cause": null`, and a path to it fails.
    AWS: `""`.
    """

    def construct(failure_event: Any) -> dict[str, Any]:
        return {name: value or "" for name, value in original(failure_event).items()}

    return staticmethod(construct)


def _succeed_once(_original: Any) -> Any:
    """Accept one success per token.

    moto: a second or late answer gets OK or InvalidToken.
    AWS: TaskTimedOut.
    """

    def send_task_success(_self: Any, task_token: str, outcome: str) -> None:
        _close(task_token, CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    return send_task_success


def _fail_once(_original: Any) -> Any:
    """Accept one failure per token.

    moto: a second or late answer gets OK or InvalidToken.
    AWS: TaskTimedOut.
    """

    def send_task_failure(_self: Any, task_token: str, error: str | None = None, cause: str | None = None) -> None:
        _close(task_token, CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    return send_task_failure


def _accept_heartbeat_of_open_task(_original: Any) -> Any:
    """Accept heartbeats of every open task.

    moto: a heartbeat of a task without HeartbeatSeconds gets InvalidToken, and so does one with a closed token.
    AWS: OK for the first, TaskTimedOut for the second.
    """

    def send_task_heartbeat(_self: Any, task_token: str) -> None:
        if not _find(task_token).heartbeat():
            raise _timed_out()

    return send_task_heartbeat


def _fail_with_cause(_original: Any) -> Any:
    """Keep the cause of SendTaskFailure.

    moto: it is dropped.
    AWS: Catch, the history and DescribeExecution have it.
    """

    def send_task_failure(self: Any) -> EmptyResult:
        token, error, cause = (self._get_param(name) for name in ("taskToken", "error", "cause"))
        self.stepfunction_backend.send_task_failure(token, error=error, cause=cause)
        return EmptyResult()

    return send_task_failure


def _close(name: str, outcome: Any) -> None:
    if not _find(name).answer(outcome):
        raise _timed_out()


def _find(name: str) -> Token:
    try:
        return _TOKENS[name]
    except KeyError:
        raise api.InvalidToken from None


def _timed_out() -> Any:
    timed_out = api.TaskTimedOut
    return timed_out("Task Timed Out: 'Provided task does not exist anymore'", timed_out.code, timed_out.status_code)
