"""The state machine of a render job, from request to film.

`render_job` lists the states in the order of a job, then their transitions. The error names are the classes of
`frameloom.model.errors`.

The machine has no TimeoutSeconds. Every state that waits has one, so no job runs for ever. An execution that times out
would end immediately: a rule would write its report, but no film would be made.
"""

from typing import Any

from frameloom.model.errors import AttemptFailed, ChunkLost, JobImpossible, names
from statemachine.steps import (
    S3_GET,
    S3_PUT,
    Catch,
    Choice,
    ChoiceRule,
    ErrorFrom,
    EventTask,
    Graph,
    ItemMap,
    LambdaTask,
    Pass,
    Retrier,
    Succeed,
    TokenTask,
)

ATTEMPT_FAILED = names(AttemptFailed)
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

JOB_ID = {"job_id.$": "$$.Execution.Name"}
STARTED = {"started.$": "$$.Execution.StartTime"}


def render_job() -> Graph:
    """Return the whole state machine."""
    prepare = _lambda(
        "PrepareJob",
        "Read the request and the scene, decide every setting, and write the job's manifest.",
        payload={**JOB_ID, **STARTED, "input.$": "$"},
        output_path="$.Payload",
    )
    any_job = Choice("AnyJob", comment="If the uploader starts the job, the upload itself does not.")
    skipped = Succeed("Skipped", comment="The scene's uploader starts its job.")
    plan = _lambda(
        "PlanChunks",
        "List the missing frames in chunks, as an object in S3. Scouts come first if they are worth their cost.",
        payload={**JOB_ID, "round.$": "$.round"},
        result_selector={
            "bucket.$": "$.Payload.bucket",
            "key.$": "$.Payload.key",
            "count.$": "$.Payload.count",
            "round.$": "$.Payload.round",
        },
        result_path="$.plan",
    )
    any_chunks = Choice("AnyChunks", comment="All frames may exist from an earlier job.")
    render = _render_chunks()
    verify = _lambda(
        "VerifyFrames",
        "Count the frames in S3, not the reported ones, and return the next step.",
        # Not the round of the input: PlanChunks may have skipped the scouts.
        payload={**JOB_ID, "round.$": "$.plan.round"},
        result_selector={
            "next.$": "$.Payload.next",
            "round.$": "$.Payload.round",
            "segments.$": "$.Payload.segments",
            "missing.$": "$.Payload.missing",
        },
        result_path="$.verified",
    )
    next_step = Choice("NextStep", comment="The next round after scouts or for missing frames, a film, or neither.")
    next_round = Pass(
        "NextRound",
        comment="Set the round, so that its chunks have unique names.",
        input_path="$.verified.round",
        result_path="$.round",
    )
    encode = _encode_segments()
    stitch = _lambda(
        "StitchVideo",
        "Join the segments by stream copy and put the film beside the scene.",
        payload=JOB_ID,
        timeout=LONG,
        # For the console only: no later state reads it.
        result_selector={
            "bucket.$": "$.Payload.bucket",
            "key.$": "$.Payload.key",
            "frames.$": "$.Payload.frames",
            "bytes.$": "$.Payload.bytes",
        },
        result_path="$.video",
    )
    log_job = _lambda(
        "LogJob",
        "Write the job's report.",
        payload={**JOB_ID, **STARTED},
        timeout=LONG,
        output_path="$.Payload",
    )
    announce_success = _announcement("AnnounceSuccess", "Announce the job's success and its report on the event bus.")
    done = Succeed("Done", comment="The frames, the film and the report exist.")
    log_failure = _lambda(
        "LogFailure",
        "Write the report of a failed job, and return the error that the job ends with.",
        function="LogJobFunction",
        payload={**JOB_ID, **STARTED, "error.$": "$"},
        timeout=LONG,
        output_path="$.Payload",
    )
    announce_failure = _announcement("AnnounceFailure", "Announce the job's failure and its report on the event bus.")
    failed = ErrorFrom(
        "Failed",
        comment="The job failed with its original error.",
        error_path="$.Error",
        cause_path="$.Cause",
    )

    prepare.next(any_job)
    any_job.add_choice(ChoiceRule.IsPresent("$.skipped", value=True), skipped)
    any_job.default_choice(plan)
    plan.next(any_chunks)
    any_chunks.add_choice(ChoiceRule.NumericGreaterThan("$.plan.count", 0), render)
    any_chunks.default_choice(verify)
    render.next(verify).next(next_step)
    # No default: an unknown answer must fail the job instead of ending it as succeeded.
    for answer, state in (("PlanChunks", next_round), ("EncodeSegments", encode), ("LogJob", log_job)):
        next_step.add_choice(ChoiceRule.StringEquals("$.verified.next", answer), state)
    next_round.next(plan)
    encode.next(stitch).next(log_job).next(announce_success).next(done)
    log_failure.next(announce_failure).next(failed)

    for state in (prepare, plan, render, verify, encode, stitch):
        state.add_catch(Catch(log_failure, error_equals=["States.ALL"]))
    log_job.add_catch(Catch(failed, error_equals=["States.ALL"]))
    # The report's error does not replace the job's own error.
    log_failure.add_catch(Catch(failed, error_equals=["States.ALL"], result_path="$.report_failure"))
    # A failed announcement does not change the result of a job.
    for state, end in ((announce_success, done), (announce_failure, failed)):
        state.add_catch(Catch(end, error_equals=["States.ALL"], result_path=None))

    return Graph(prepare, comment="Render a Blender scene on a fleet of workers and make a film of its frames.")


def _render_chunks() -> ItemMap:
    """Return the distributed Map: one message, one token and one child execution for each chunk."""
    chunk_failed = Pass(
        "ChunkFailed",
        comment="Every attempt failed: the chunk counts as done, and VerifyFrames finds its frames missing.",
    )
    chunk = TokenTask(
        "RenderChunk",
        comment="Queue one chunk, and wait for the worker that renders it to answer with the token.",
        queue="ChunkQueue",
        message={
            "version": 1,
            "task_token.$": "$$.Task.Token",
            "job_id.$": "$.job_id",
            "chunk_id.$": "$.chunk.chunk_id",
            "attempt.$": "$$.State.RetryCount",
            "scene.$": "$.scene",
            "frames.$": "$.chunk.frames",
            "output.$": "$.output",
            "settings.$": "$.settings",
            "frame_timeout.$": "$.limits.frame_timeout",
        },
        # The heartbeat's clock starts when the message is sent, so it limits the wait in the queue.
        heartbeat_seconds_path="$.limits.queue_timeout",
        timeout_seconds_path="$.limits.chunk_timeout",
        retry=[
            Retrier(names(JobImpossible), attempts=0),
            Retrier(ATTEMPT_FAILED, attempts=2, interval=5),
            Retrier(NO_ANSWER, attempts=1),
            # Other errors: a failure of SQS, or an error of another version's worker.
            Retrier(["States.TaskFailed"], attempts=2, interval=2),
        ],
        catch=[Catch(chunk_failed, error_equals=[*ATTEMPT_FAILED, *NO_ANSWER])],
    )
    return ItemMap(
        "RenderChunks",
        comment="Render the chunks in parallel, up to the job's max_workers.",
        first=chunk,
        # STANDARD: an EXPRESS child cannot wait for a task token, nor for longer than five minutes.
        processor={"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        item_selector={
            "chunk.$": "$$.Map.Item.Value",
            "job_id.$": "$.job_id",
            "scene.$": "$.scene",
            "output.$": "$.output",
            "settings.$": "$.settings",
            "limits.$": "$.limits",
        },
        asl={
            "Label": "RenderChunks",
            "MaxConcurrencyPath": "$.limits.max_workers",
            **_stored("$.plan"),
        },
        result_path=None,
    )


def _encode_segments() -> ItemMap:
    """Return the distributed Map: one Lambda and one child execution for each segment of the film.

    The first segment that fails ends it, and AWS's error then hides the cause. So the child first stores the error in
    S3.
    """
    segment_failed = ErrorFrom(
        "SegmentFailed",
        comment="The film cannot be made, so the Map ends without the other segments.",
        error_path="$.error.Error",
        cause_path="$.error.Cause",
    )
    # EncodeSegment cannot store it if it dies or runs out of time.
    log_failure = _lambda(
        "LogSegmentFailure",
        "Store the segment's error for the job's report.",
        function="LogJobFunction",
        payload={"job_id.$": "$.job_id", "segment.$": "$.segment", "error.$": "$.error"},
        timeout=LONG,
        result_path=None,
    )
    segment = _lambda(
        "EncodeSegment",
        "Encode one segment of the film.",
        payload={"job_id.$": "$.job_id", "segment.$": "$.segment"},
        timeout=LONG,
        output_path="$.Payload",
    )
    segment.add_catch(Catch(log_failure, error_equals=["States.ALL"], result_path="$.error"))
    log_failure.add_catch(Catch(segment_failed, error_equals=["States.ALL"], result_path=None))
    log_failure.next(segment_failed)
    return ItemMap(
        "EncodeSegments",
        comment="Encode the film's segments in parallel.",
        first=segment,
        # STANDARD: an EXPRESS child ends after five minutes, and a segment of 4K takes longer.
        processor={"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        item_selector={"job_id.$": "$.job_id", "segment.$": "$$.Map.Item.Value"},
        asl={
            "Label": "EncodeSegments",
            # The stack's parameter EncodersAtOnce, which VerifyFrames returns.
            "MaxConcurrencyPath": "$.verified.segments.at_once",
            **_stored("$.verified.segments"),
        },
        result_path=None,
    )


def _stored(items: str) -> dict[str, Any]:
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


def _announcement(state: str, comment: str) -> EventTask:
    """Return a state that puts its input, a job's summary, on the account's bus, for the rules of template.yaml."""
    return EventTask(
        state,
        comment=comment,
        source="frameloom",
        detail_type="Frameloom Job Ended",
        timeout_seconds=BUS,
        retry=[Retrier(["States.TaskFailed"], attempts=3, interval=2)],
    )


def _lambda(
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
