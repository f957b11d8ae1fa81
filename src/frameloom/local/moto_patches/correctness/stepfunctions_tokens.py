"""Task tokens as AWS has them: one for each attempt, alive exactly as long as the attempt, answered at most once."""

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
    """The token of one attempt at a task: open until it is answered, or the attempt is over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = True
        self._answer: Any = None
        self._beaten = time.monotonic()

    def answer(self, outcome: Any) -> bool:
        """Give the attempt its outcome; return False where the token is no longer open."""
        with self._changed:
            if not self._open:
                return False
            self._open, self._answer = False, outcome
            self._changed.notify_all()
            return True

    def beat(self) -> bool:
        """Put the missed heartbeat off; return False where the token is no longer open."""
        with self._changed:
            self._beaten = time.monotonic()
            self._changed.notify_all()
            return self._open

    def end(self) -> None:
        """Close the token unanswered, and wake who waits for it."""
        with self._changed:
            self._open = False
            self._changed.notify_all()

    def wait(self, heartbeat: float | None) -> Any:
        """Return the outcome once it is there.

        Raises:
            HeartbeatTimeoutError: nobody beat for `heartbeat` seconds, counted from this call on.
            Abandoned: the attempt is over.
        """
        with self._changed:
            self._beaten = max(self._beaten, time.monotonic())
            while self._open:
                left = None if heartbeat is None else self._beaten + heartbeat - time.monotonic()
                if left is not None and left <= 0:
                    self._open = False
                    raise HeartbeatTimeoutError
                self._changed.wait(left)
            if self._answer is None:
                raise Abandoned
            return self._answer


# Every token of this process, dead ones too: AWS answers a late worker otherwise than one with an invented token.
_TOKENS: dict[str, Token] = {}


class MissedHeartbeat(StatesErrorName):  # type: ignore[misc]  # moto has no types
    """The name of a missed heartbeat, which `States.Timeout` in a Retry or Catch covers too."""

    def __init__(self) -> None:
        super().__init__(typ=StatesErrorNameType.StatesHeartbeatTimeout)

    def matches(self, error_name: str | None) -> bool:
        """Return whether a retrier or catcher that lists `error_name` is meant."""
        return error_name in (self.error_name, StatesErrorNameType.StatesTimeout.to_name())


def apply() -> None:
    """Mend task tokens, their clocks and their answers."""
    replace(StateTaskServiceCallback, "_eval_execution", _a_token_for_each_attempt)
    replace(StateTaskServiceCallback, "_eval_wait_for_task_token", _a_wait_that_ends)
    replace(StateTaskServiceCallback, "_from_error", _a_missed_heartbeat_has_its_name)
    replace(execute_state.ExecutionState, "from_state_props", _no_timeout_means_none)
    replace(execute_state.ExecutionState, "_construct_error_output_value", _no_cause_is_an_empty_text)
    replace(models.StepFunctionsParserBackend, "send_task_success", _success_once)
    replace(models.StepFunctionsParserBackend, "send_task_failure", _failure_once)
    replace(models.StepFunctionsParserBackend, "send_task_heartbeat", _a_heartbeat_for_every_open_task)
    replace(responses.StepFunctionResponse, "send_task_failure", _failure_with_its_cause)


def _a_token_for_each_attempt(original: Any) -> Any:
    """Each attempt at a task gets a token of its own.

    Fact: a retry reuses the token, so the second attempt fails at once with the first one's answer, and a token
    outlives its attempt.
    AWS: each attempt has a token of its own, dead as soon as the attempt is over.
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


def _a_wait_that_ends(original: Any) -> Any:
    """The wait for a token ends with the attempt, and misses nothing.

    Fact: a wait for a token sleeps on through a time-out, StopExecution and the end of its Map, for as long as a
    heartbeat may take, and misses an answer or a beat that comes while the message is still being sent.
    """

    def wait(self: Any, env: Any, timeout_seconds: Any, callback_endpoint: Any, heartbeat_endpoint: Any) -> Any:
        if self.resource.condition != ResourceCondition.WaitForTaskToken:
            return original(self, env, timeout_seconds, callback_endpoint, heartbeat_endpoint)
        heartbeat = heartbeat_endpoint._heartbeat_seconds if heartbeat_endpoint else None
        return _TOKENS[callback_endpoint.callback_id].wait(heartbeat)

    return wait


def _a_missed_heartbeat_has_its_name(original: Any) -> Any:
    """A missed heartbeat is reported by its name.

    Fact: a missed heartbeat is reported as States.Timeout.
    AWS: States.HeartbeatTimeout.
    """

    def _from_error(self: Any, env: Any, ex: Exception) -> Any:
        event = original(self, env, ex)
        if isinstance(ex, HeartbeatTimeoutError):
            event.error_name = MissedHeartbeat()
            event.event_details["taskTimedOutEventDetails"]["error"] = event.error_name.error_name
        return event

    return _from_error


def _no_timeout_means_none(original: Any) -> Any:
    """A task without a time-out has none.

    Fact: a heartbeat without a time-out ends the task after 60 s.
    AWS: the default is 99,999,999 s.
    """

    def from_state_props(self: Any, state_props: Any) -> None:
        original(self, state_props)
        if state_props.get(Timeout) is None:
            self.timeout = TimeoutSeconds(timeout_seconds=TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS)

    return from_state_props


def _no_cause_is_an_empty_text(original: Any) -> Any:
    """A failure without a cause has an empty one.

    Fact: Catch hands on `"Cause": null` for a failure without one, and a path to it breaks.
    AWS: `""`.
    """

    def construct(failure_event: Any) -> dict[str, Any]:
        return {name: value or "" for name, value in original(failure_event).items()}

    return staticmethod(construct)


def _success_once(_original: Any) -> Any:
    """A task succeeds once.

    Fact: a second answer, or one that comes too late, gets OK or InvalidToken.
    AWS: TaskTimedOut.
    """

    def send_task_success(_self: Any, task_token: str, outcome: str) -> None:
        _close(task_token, CallbackOutcomeSuccess(callback_id=task_token, output=outcome))

    return send_task_success


def _failure_once(_original: Any) -> Any:
    """A task fails once.

    Fact: as for successes.
    """

    def send_task_failure(_self: Any, task_token: str, error: str | None = None, cause: str | None = None) -> None:
        _close(task_token, CallbackOutcomeFailure(callback_id=task_token, error=error, cause=cause))

    return send_task_failure


def _a_heartbeat_for_every_open_task(_original: Any) -> Any:
    """Every open task takes heartbeats.

    Fact: the beat of a task without HeartbeatSeconds gets InvalidToken, so does that of a dead one.
    AWS: OK for the first, TaskTimedOut for the second.
    """

    def send_task_heartbeat(_self: Any, task_token: str) -> None:
        if not _find(task_token).beat():
            raise _timed_out()

    return send_task_heartbeat


def _failure_with_its_cause(_original: Any) -> Any:
    """A failure keeps its cause.

    Fact: SendTaskFailure drops `cause`.
    AWS: it is what Catch, the history and DescribeExecution show.
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
