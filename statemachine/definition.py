"""The state machine of a render job, from request to film.

`render_job` lists the states in the order of a job, then their transitions. The error names are the classes of
`frameloom.model.errors`.

The machine has no TimeoutSeconds. Every state that waits has one, so no job runs for ever. An execution that times out
would end immediately: a rule would write its report, but no film would be made.
"""

from frameloom.model.errors import JobImpossible, names
from statemachine.steps import (
    Catch,
    Choice,
    ChoiceRule,
    ErrorFrom,
    Graph,
    ItemMap,
    Pass,
    Retrier,
    Succeed,
    TokenTask,
)
from statemachine.tasks import (
    ATTEMPT_FAILED,
    LONG,
    NO_ANSWER,
    announcement,
    attempt_retriers,
    lambda_task,
    scene_task,
    stored,
)

JOB_ID = {"job_id.$": "$$.Execution.Name"}
STARTED = {"started.$": "$$.Execution.StartTime"}


def render_job() -> Graph:
    """Return the whole state machine."""
    prepare = lambda_task(
        "PrepareJob",
        "Read the request and the scene, decide every setting, and write the job's manifest.",
        # Not the state: after a task, PrepareJob runs again with the same input, and with the task's answer.
        payload={**JOB_ID, **STARTED, "input.$": "$$.Execution.Input", "state.$": "$"},
        output_path="$.Payload",
    )
    any_job = Choice(
        "AnyJob",
        comment="If the uploader starts the job, the upload itself does not. Some scenes need a worker first.",
    )
    inspect = scene_task("InspectScene", "inspect", "Have a worker's Blender read the scene, where PrepareJob cannot.")
    skipped = Succeed("Skipped", comment="The scene's uploader starts its job.")
    plan = lambda_task(
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
    verify = lambda_task(
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
    stitch = lambda_task(
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
    log_job = lambda_task(
        "LogJob",
        "Write the job's report.",
        payload={**JOB_ID, **STARTED},
        timeout=LONG,
        output_path="$.Payload",
    )
    announce_success = announcement("AnnounceSuccess", "Announce the job's success and its report on the event bus.")
    done = Succeed("Done", comment="The frames, the film and the report exist.")
    log_failure = lambda_task(
        "LogFailure",
        "Write the report of a failed job, and return the error that the job ends with.",
        function="LogJobFunction",
        payload={**JOB_ID, **STARTED, "error.$": "$"},
        timeout=LONG,
        output_path="$.Payload",
    )
    announce_failure = announcement("AnnounceFailure", "Announce the job's failure and its report on the event bus.")
    failed = ErrorFrom(
        "Failed",
        comment="The job failed with its original error.",
        error_path="$.Error",
        cause_path="$.Cause",
    )

    prepare.next(any_job)
    any_job.add_choice(ChoiceRule.IsPresent("$.skipped", value=True), skipped)
    any_job.add_choice(ChoiceRule.IsPresent("$.inspect", value=True), inspect)
    any_job.default_choice(plan)
    inspect.next(prepare)
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

    for state in (prepare, inspect, plan, render, verify, encode, stitch):
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
            *attempt_retriers(),
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
            **stored("$.plan"),
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
    log_failure = lambda_task(
        "LogSegmentFailure",
        "Store the segment's error for the job's report.",
        function="LogJobFunction",
        payload={"job_id.$": "$.job_id", "segment.$": "$.segment", "error.$": "$.error"},
        timeout=LONG,
        result_path=None,
    )
    segment = lambda_task(
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
            **stored("$.verified.segments"),
        },
        result_path=None,
    )
