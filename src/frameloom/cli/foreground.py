"""A local farm in the foreground, and its end from another terminal."""

import os
import shlex
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from frameloom.cli.interrupts import Interrupts
from frameloom.cli.target import OwnTarget
from frameloom.cli.terminal import say, warn
from frameloom.local.state import FarmState
from frameloom.model.errors import FarmUnavailable

# Seconds that a farm may take to end: workers have some of their own to give their messages back.
ENDS_WITHIN = 30.0

# What the outputs of a stack are called for people, in the order in which they are shown.
SHOWN = {
    "ScenesBucketName": "scenes",
    "FramesBucketName": "frames",
    "LogBucketName": "logs",
    "ChunkQueueUrl": "chunk queue",
    "ChunkDeadLetterQueueUrl": "dead letters",
    "LogQueueUrl": "log queue",
    "StateMachineArn": "state machine",
}


def run(*, workers: int | None) -> None:
    """Run a farm until it is interrupted; without a number of workers it has as many as its cores have work for.

    Raises:
        FarmUnavailable: one is running.
    """
    state = FarmState.load()
    if state is not None:
        raise FarmUnavailable(
            problem=f"A local farm is running at {state.endpoint} (process {state.pid}): "
            "use it, or end it with `frameloom farm down`."
        )
    target = OwnTarget(workers)
    with Interrupts() as interrupts, suppress(KeyboardInterrupt):
        interrupts.surely(lambda: _serve(target), target.close)
    say("The farm is down.")


def _serve(target: OwnTarget) -> None:
    target.open(warn)
    running = target.running()
    state = FarmState(
        pid=os.getpid(),
        endpoint=running.endpoint,
        outputs=running.outputs,
        environment=running.environment,
        workers=target.most,
    )
    state.save()
    try:
        say(*describe(state.endpoint, outputs=state.outputs, environment=state.environment).splitlines())
        threading.Event().wait()
    finally:
        state.remove()


def describe(endpoint: str, *, outputs: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Return how a farm is reached, with commands to copy."""
    lines = ["The farm is up; Ctrl-C ends it.", "", f"  {'endpoint':<14} {endpoint}"]
    lines += [f"  {name:<14} {outputs[output]}" for output, name in SHOWN.items() if output in outputs]
    lines += ["", "Any client of AWS reaches it with"]
    lines += [f"  export {name}={shlex.quote(value)}" for name, value in environment.items()]
    machine = shlex.quote(outputs["StateMachineArn"])
    order = shlex.quote('{"file": "shot.blend", "start": "1", "end": "17"}')
    lines += [
        "",
        "An upload starts a job with the scene's own frames:",
        f"  aws s3 cp shot.blend s3://{outputs['ScenesBucketName']}/",
        "",
        "A scene that lies there is rendered with frames of your choice by",
        f"  aws stepfunctions start-execution --state-machine-arn {machine} --input {order}",
    ]
    return "\n".join(lines)


def end() -> None:
    """End the farm that runs, and return when it is gone.

    Raises:
        FarmUnavailable: none is running, or it does not end.
    """
    state = FarmState.load()
    if state is None:
        raise FarmUnavailable(problem="No local farm is running.")
    with suppress(ProcessLookupError):
        os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + ENDS_WITHIN
    while FarmState.load() is not None:
        if time.monotonic() > deadline:
            raise FarmUnavailable(problem=f"The farm (process {state.pid}) has not ended in {ENDS_WITHIN:.0f} seconds.")
        time.sleep(0.05)
    say("The farm is down.")
