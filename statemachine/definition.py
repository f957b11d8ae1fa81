"""The state machine of a render job, from request to film.

Read `render_job` from top to bottom: it names the states in the order in which a job meets them, then says
how they follow each other. The error names are the classes of `frameloom.model.errors`.

The machine has no TimeoutSeconds of its own. Every state that waits has one, so no job hangs for ever; and an
execution that times out ends there and then: a rule has its report written, but no frame of it becomes a film.
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
# AWS tells a missed heartbeat from a chunk that took too long; either way nobody answered.
NOBODY_ANSWERED = [ChunkLost.__name__, "States.Timeout", "States.HeartbeatTimeout"]
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
# Its process died: of its memory, or with its machine. What it does it may do twice. A function that ran out of time
# would again.
LAMBDA_DIED = ["Lambda.Unknown", "Runtime.ExitError"]
# While a stack is updated, a function's new code runs on its earlier layer for up to a minute, and may import what is
# not there yet. Eight retries last two minutes on average.
LAMBDA_UPDATED = ["Runtime.ImportModuleError"]
UPDATE_ATTEMPTS = 8

# Seconds that a state waits for its Lambda: the function's own Timeout in template.yaml and a minute more, so
# that the function's error, which says what happened, is there before States.Timeout, which does not.
SHORT, LONG = 360, 960
# Seconds that a job waits for the bus to take its announcement.
BUS = 60

JOB_ID = {"job_id.$": "$$.Execution.Name"}
STARTED = {"started.$": "$$.Execution.StartTime"}


def render_job() -> Graph:
    """Return the whole machine."""
    prepare = _lambda(
        "PrepareJob",
        "Read the request and the scene, settle every setting, and write the job's manifest.",
        payload={**JOB_ID, **STARTED, "input.$": "$"},
        output_path="$.Payload",
    )
    any_job = Choice("AnyJob", comment="Whoever uploads a scene may start its job too; the upload then starts none.")
    skipped = Succeed("Skipped", comment="The scene's uploader starts its job.")
    plan = _lambda(
        "PlanChunks",
        "List the frames that are missing in S3, in chunks: the list is an object in S3. Scouts first, where they pay.",
        payload={**JOB_ID, "round.$": "$.round"},
        result_selector={
            "bucket.$": "$.Payload.bucket",
            "key.$": "$.Payload.key",
            "count.$": "$.Payload.count",
            "round.$": "$.Payload.round",
        },
        result_path="$.plan",
    )
    any_chunks = Choice("AnyChunks", comment="A job that ran before may have nothing left to render.")
    render = _render_chunks()
    verify = _lambda(
        "VerifyFrames",
        "Look at what is in S3, not at what was reported, and say what comes next.",
        # Not the round that PlanChunks was asked for: it may have gone on to the next.
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
        comment="Count the round, so that its chunks have names of their own.",
        input_path="$.verified.round",
        result_path="$.round",
    )
    encode = _encode_segments()
    stitch = _lambda(
        "StitchVideo",
        "Join the segments by stream copy and put the film beside the scene.",
        payload=JOB_ID,
        timeout=LONG,
        # Nothing reads it later: it is what the console shows of the film.
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
    announce_success = _announcement(
        "AnnounceSuccess", "Tell whoever listens that the job succeeded, and where its report is."
    )
    done = Succeed("Done", comment="The frames, the film and the report are there.")
    log_failure = _lambda(
        "LogFailure",
        "Write the report of a job that failed, and settle the error that the job ends with.",
        function="LogJobFunction",
        payload={**JOB_ID, **STARTED, "error.$": "$"},
        timeout=LONG,
        output_path="$.Payload",
    )
    announce_failure = _announcement(
        "AnnounceFailure", "Tell whoever listens that the job failed, and where its report is."
    )
    failed = ErrorFrom(
        "Failed",
        comment="The job failed, with the error that made it fail.",
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
    # No default: an answer that nobody knows must fail the job, not end it as done.
    for answer, state in (("PlanChunks", next_round), ("EncodeSegments", encode), ("LogJob", log_job)):
        next_step.add_choice(ChoiceRule.StringEquals("$.verified.next", answer), state)
    next_round.next(plan)
    encode.next(stitch).next(log_job).next(announce_success).next(done)
    log_failure.next(announce_failure).next(failed)

    for state in (prepare, plan, render, verify, encode, stitch):
        state.add_catch(Catch(log_failure, error_equals=["States.ALL"]))
    log_job.add_catch(Catch(failed, error_equals=["States.ALL"]))
    # Beside the job's own error, not in its place: why the job failed is worth more than why its report did.
    log_failure.add_catch(Catch(failed, error_equals=["States.ALL"], result_path="$.report_failure"))
    # A job ends as it ended, heard of or not.
    for state, end in ((announce_success, done), (announce_failure, failed)):
        state.add_catch(Catch(end, error_equals=["States.ALL"], result_path=None))

    return Graph(prepare, comment="Render a Blender scene on a fleet of workers and make a film of its frames.")


def _render_chunks() -> ItemMap:
    """Return the distributed Map: one message, one token and one child execution for each chunk."""
    chunk_failed = Pass(
        "ChunkFailed",
        comment="Every attempt failed: the chunk counts as done, and VerifyFrames will miss its frames.",
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
        # The heartbeat's clock starts when the message is sent, so it bounds the wait in the queue.
        heartbeat_seconds_path="$.limits.queue_timeout",
        timeout_seconds_path="$.limits.chunk_timeout",
        retry=[
            Retrier(names(JobImpossible), attempts=0),
            Retrier(ATTEMPT_FAILED, attempts=2, interval=5),
            Retrier(NOBODY_ANSWERED, attempts=1),
            # Whatever else: a fault of SQS, or an error that no worker of this version knows.
            Retrier(["States.TaskFailed"], attempts=2, interval=2),
        ],
        catch=[Catch(chunk_failed, error_equals=[*ATTEMPT_FAILED, *NOBODY_ANSWERED])],
    )
    return ItemMap(
        "RenderChunks",
        comment="Render the chunks side by side, as many at once as the job allows.",
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

    The first segment that fails ends it, and AWS's own words then hide why; so the child leaves that in S3 before.
    """
    segment_failed = ErrorFrom(
        "SegmentFailed",
        comment="The film cannot be made: no other segment is waited for.",
        error_path="$.error.Error",
        cause_path="$.error.Cause",
    )
    # Not by EncodeSegment itself: it cannot say that it died, or ran out of time.
    log_failure = _lambda(
        "LogSegmentFailure",
        "Keep why the segment failed, for the job's report.",
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
        comment="Encode the film's segments side by side.",
        first=segment,
        # STANDARD: an EXPRESS child ends after five minutes, and a segment of 4K takes longer.
        processor={"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        item_selector={"job_id.$": "$.job_id", "segment.$": "$$.Map.Item.Value"},
        asl={
            "Label": "EncodeSegments",
            # The stack's parameter EncodersAtOnce, which VerifyFrames passes on.
            "MaxConcurrencyPath": "$.verified.segments.at_once",
            **_stored("$.verified.segments"),
        },
        result_path=None,
    )


def _stored(items: str) -> dict[str, Any]:
    """Return where a distributed Map's items are, and where what becomes of them goes: S3 in place of the state.

    Thousands of either would not fit into its 256 KiB.
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
    """Return a state that puts the summary it is given on the account's bus, where template.yaml's rules find it."""
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
    """Return a state that calls its Lambda, named as the state itself, and sits out Lambda's own faults."""
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
