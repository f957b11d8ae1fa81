"""Maps as in AWS: they fail as a whole, stop their items, and accept any number of items."""

import datetime as dt
from typing import Any

from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.api import ExecutionFailedEventDetails, HistoryEventType, MapRunStatus
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component import (
    InlineIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker as distributed,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.iteration_worker import IterationWorker
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramStopped

from frameloom.local.moto_patches.correctness.stepfunctions_ends import Abandoned, when_over
from frameloom.local.moto_patches.patch import replace

# A running item has two threads, and all threads share one interpreter, so more workers would not be faster. AWS runs
# up to 10,000 children at once.
MOST_WORKERS = 1000

_LAUNCHED = "_frameloom_launched"
_PENDING = "_frameloom_pending"


def apply() -> None:
    """Patch Maps, inline and distributed."""
    for worker in (IterationWorker, distributed.DistributedItemProcessorWorker):
        replace(worker, "_eval_pool", _take_items_in_a_loop)
    replace(InlineIterationComponent, "_launch_worker", _launch_needed_workers)
    replace(InlineIterationComponent, "_eval_body", _stop_items_on_failure)
    replace(DistributedIterationComponent, "_map_run", _stop_items_on_failure)
    replace(DistributedIterationComponent, "_eval_body", _abort_stopped_map_run)
    replace(distributed.DistributedItemProcessorWorker, "_eval_job", _fail_with_child)
    replace(models.StepFunctionsParserBackend, "_get_executions", _skip_starting_executions)
    replace(models.StepFunctionsParserBackend, "list_map_runs", _list_no_map_runs_at_first)


def _take_items_in_a_loop(original: Any) -> Any:
    """Take the items of a worker in a loop.

    moto: a worker takes its next item by calling itself. About 1,000 items per worker exceed Python's recursion limit,
    the worker dies, and the Map waits forever. The call is the function's last statement, so it can run later.
    """

    def _eval_pool(self: Any, job: Any, worker_frame: Any) -> None:
        pending: list[tuple[Any, Any]] | None = self.__dict__.get(_PENDING)
        if pending is not None:
            pending.append((job, worker_frame))
            return
        pending = self.__dict__[_PENDING] = [(job, worker_frame)]
        while pending:
            original(self, *pending.pop())

    return _eval_pool


def _launch_needed_workers(original: Any) -> Any:
    """Start at most one worker per item, and none after the Map was stopped.

    moto: a Map starts as many workers as its limit allows, even with fewer items, and still starts items after its
    execution was stopped.
    AWS: a stopped Map starts no items.
    """

    def _launch_worker(self: Any, env: Any, eval_input: Any, job_pool: Any) -> Any:
        launched = job_pool.__dict__.get(_LAUNCHED, 0)
        if launched == 0:
            when_over(env, lambda: _abandon(job_pool))
        if launched >= min(job_pool._jobs_number, MOST_WORKERS):
            return None
        job_pool.__dict__[_LAUNCHED] = launched + 1
        return original(self, env, eval_input, job_pool)

    return _launch_worker


def _abandon(job_pool: Any) -> None:
    with job_pool._mutex:
        if not job_pool._is_terminated():
            job_pool._worker_exception = Abandoned()
            job_pool._notify_on_termination()


def _stop_items_on_failure(original: Any) -> Any:
    """Stop the items of a Map that fails.

    moto: when one item fails a Map, the others run on, and their tokens stay valid.
    AWS: they are stopped.
    """

    def evaluate(self: Any, env: Any, *args: Any, **kwargs: Any) -> None:
        try:
            original(self, env, *args, **kwargs)
        except Exception:
            with env._state_mutex:
                for frame in env._frames:
                    frame.set_stop(stop_date=dt.datetime.now(dt.UTC), cause=None, error=None)
            raise

    return evaluate


def _abort_stopped_map_run(original: Any) -> Any:
    """Set the status of a stopped Map Run to ABORTED.

    moto: the Map Run of a stopped execution runs to its end and is SUCCEEDED.
    AWS: ABORTED.
    """

    def _eval_body(self: Any, env: Any) -> None:
        record = env.stack[-1].map_run_record
        try:
            original(self, env)
        except Abandoned:
            record.set_stop(status=MapRunStatus.ABORTED)
            raise

    return _eval_body


def _fail_with_child(original: Any) -> Any:
    """Fail a distributed Map when more children fail than it tolerates.

    moto: a distributed Map with failed children succeeds with null as their results, whatever its threshold is.
    AWS: it fails with States.ExceedToleratedFailureThreshold, by default with the first child that fails.
    """

    def _eval_job(self: Any, env: Any, job: Any) -> None:
        original(self, env, job)
        state = env.program_state()
        if isinstance(state, ProgramEnded):
            return
        self._map_run_record.execution_counter.running.offset(-1)
        if not isinstance(state, ProgramStopped) and _too_many(self._map_run_record, self._job_pool._jobs_number):
            name = StatesErrorName(typ=StatesErrorNameType.StatesExceedToleratedFailureThreshold)
            details = ExecutionFailedEventDetails(
                error=name.error_name, cause="The specified tolerated failure threshold was exceeded"
            )
            job.job_output = FailureEventException(
                failure_event=FailureEvent(
                    env=env,
                    error_name=name,
                    event_type=HistoryEventType.MapRunFailed,
                    event_details=EventDetails(executionFailedEventDetails=details),
                )
            )

    return _eval_job


def _too_many(record: Any, items: int) -> bool:
    failed = record.item_counter.failed.get()
    count, percentage = record.tolerated_failure_count, record.tolerated_failure_percentage
    if not count and not percentage:
        return bool(failed)
    return bool((count and failed > count) or (percentage and failed * 100 > percentage * items))


def _skip_starting_executions(original: Any) -> Any:
    """Leave starting executions out of the search for a Map Run.

    moto: an execution has no environment until its definition is parsed, and until then DescribeMapRun fails for all
    executions.
    """

    def _get_executions(self: Any, execution_status: Any = None) -> list[Any]:
        return [found for found in original(self, execution_status) if found.exec_worker and found.exec_worker.env]

    return _get_executions


def _list_no_map_runs_at_first(original: Any) -> Any:
    """Return no Map Runs for an execution that is still starting.

    moto: ListMapRuns fails for an execution without an environment.
    """

    def list_map_runs(self: Any, execution_arn: str) -> Any:
        worker = self.describe_execution(execution_arn).exec_worker
        return original(self, execution_arn) if worker and worker.env else {"mapRuns": []}

    return list_map_runs
