"""The kinds of tasks in the state machine: a Lambda, a task of a worker, an announcement, and their retries."""

from typing import Any

from frameloom.model.errors import AttemptFailed, BlenderMismatch, ChunkLost, JobImpossible, TaskLost, names
from statemachine.steps import S3_GET, S3_PUT, EventTask, LambdaTask, Retrier, TokenTask

ATTEMPT_FAILED = names(AttemptFailed)
# A worker without the job's Blender. Another worker may have it while a fleet's image is replaced. Fifteen retries,
# which last two and a half minutes on average, leave the attempts of other errors as they are.
OTHER_WORKER = [BlenderMismatch.__name__]
OTHER_WORKER_ATTEMPTS = 15
# AWS distinguishes a missed heartbeat from a chunk that took too long. In both cases no worker answered.
NO_ANSWER = [ChunkLost.__name__, "States.Timeout", "States.HeartbeatTimeout"]
# Source: "Handle Lambda service exceptions" in the Step Functions developer guide.
LAMBDA_FAULTS = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
]
# A quota limits the account's concurrent executions: about ten in a new account, which one film can use up. A slot is
# free when another call ends, up to 15 minutes later. 720 retries of 30 seconds on average last six hours: enough for
# the longest film that is encoded four segments at a time.
LAMBDA_THROTTLED = ["Lambda.TooManyRequestsException"]
THROTTLE_ATTEMPTS = 720
# The process of the function died, of its memory or with its machine. Every function may run twice. A function that
# timed out is not retried, since it would time out again.
LAMBDA_DIED = ["Lambda.Unknown", "Runtime.ExitError"]
# During a stack update, a function's new code runs on its earlier layer for up to a minute, and may import a missing
# module. Eight retries last two minutes on average.
LAMBDA_UPDATED = ["Runtime.ImportModuleError"]
UPDATE_ATTEMPTS = 8

# Seconds that a state waits for its Lambda: the function's Timeout in template.yaml plus a minute, so that the
# function's own error, which has a cause, comes before States.Timeout, which has no cause.
SHORT, LONG = 360, 960
# Seconds that a job waits for the event bus to accept its announcement.
BUS = 60


def scene_task(state: str, task: str, comment: str) -> TokenTask:
    """Return a state that queues one task of the whole scene, and waits for the worker that does it.

    The state's input has the scene and the settings under the task's name. Its output is the input, with the worker's
    answer under `answer`.
    """
    return TokenTask(
        state,
        comment=comment,
        queue="ChunkQueue",
        message={
            "version": 1,
            "task_token.$": "$$.Task.Token",
            "task": task,
            "job_id.$": "$.job_id",
            "attempt.$": "$$.State.RetryCount",
            "scene.$": f"$.{task}.scene",
            "settings.$": f"$.{task}.settings",
            "frame_timeout.$": "$.limits.frame_timeout",
        },
        heartbeat_seconds_path="$.limits.queue_timeout",
        timeout_seconds_path="$.limits.chunk_timeout",
        retry=[
            Retrier(names(JobImpossible), attempts=0),
            *attempt_retriers(),
            # ChunkLost: a worker or a function of an earlier version does not know the task.
            Retrier([TaskLost.__name__, *NO_ANSWER], attempts=1),
            Retrier(["States.TaskFailed"], attempts=2, interval=2),
        ],
        result_path="$.answer",
    )


def attempt_retriers() -> list[Retrier]:
    """Return the retriers for attempts of a worker that failed."""
    return [
        Retrier(OTHER_WORKER, attempts=OTHER_WORKER_ATTEMPTS, interval=20, rate=1.0),
        Retrier([name for name in ATTEMPT_FAILED if name not in OTHER_WORKER], attempts=2, interval=5),
    ]


def stored(items: str) -> dict[str, Any]:
    """Return the fields that read a distributed Map's items from S3 and write its results to S3.

    Thousands of either would exceed the 256 KiB of a state.
    """
    return {
        "ItemReader": {
            "Resource": S3_GET,
            "ReaderConfig": {"InputType": "JSON"},
            "Parameters": {"Bucket.$": f"{items}.bucket", "Key.$": f"{items}.key"},
        },
        "ResultWriter": {
            "Resource": S3_PUT,
            "Parameters": {
                "Bucket": "${LogBucketName}",
                "Prefix.$": "States.Format('jobs/{}/map', $$.Execution.Name)",
            },
        },
    }


def announcement(state: str, comment: str) -> EventTask:
    """Return a state that puts its input, a job's summary, on the account's bus, for the rules of template.yaml."""
    return EventTask(
        state,
        comment=comment,
        source="frameloom",
        detail_type="Frameloom Job Ended",
        timeout_seconds=BUS,
        retry=[Retrier(["States.TaskFailed"], attempts=3, interval=2)],
    )


def lambda_task(
    state: str,
    comment: str,
    *,
    payload: dict[str, Any],
    function: str | None = None,
    timeout: int = SHORT,
    **fields: Any,
) -> LambdaTask:
    """Return a state that calls the Lambda of its own name, and retries Lambda's own failures."""
    return LambdaTask(
        state,
        comment=comment,
        function=function or f"{state}Function",
        payload=payload,
        timeout_seconds=timeout,
        retry=[
            Retrier(LAMBDA_THROTTLED, attempts=THROTTLE_ATTEMPTS, interval=2),
            Retrier(LAMBDA_FAULTS, attempts=5, interval=2),
            Retrier(LAMBDA_DIED, attempts=2),
            Retrier(LAMBDA_UPDATED, attempts=UPDATE_ATTEMPTS, interval=2),
        ],
        **fields,
    )
