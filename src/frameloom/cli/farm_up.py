"""Runs a local farm in the foreground, and ends it from another terminal."""

import shlex
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from frameloom.cli.signals import Interrupts
from frameloom.cli.terminal import say, warn
from frameloom.client.connect import OwnTarget, RunningTarget, Target
from frameloom.client.unsaved_objects import losses
from frameloom.local.farm_state import FarmState, held, is_held
from frameloom.model.errors import FarmUnavailable

# Timeout for a farm to end, in seconds; it includes the time in which workers return their messages.
ENDS_WITHIN = 30.0

# Timeout for counting a farm's objects before it ends, in seconds.
_COUNTS_WITHIN = 5.0

# The labels of a stack's outputs, in the order of the output.
SHOWN = {
    "ScenesBucketName": "scenes",
    "FramesBucketName": "frames",
    "LogBucketName": "logs",
    "ChunkQueueUrl": "chunk queue",
    "ChunkDeadLetterQueueUrl": "dead letters",
    "LogQueueUrl": "log queue",
    "StateMachineArn": "state machine",
}


def run(*, workers: int | None, trust_scripts: bool) -> None:
    """Run a farm until it is interrupted; without a number of workers, it adds workers while cores are idle.

    Raises:
        FarmUnavailable: a farm is running already, or this farm ended unexpectedly.
    """
    state = FarmState.load()
    if state is not None:
        raise FarmUnavailable(
            problem=f"A local farm is running at {state.endpoint} (process {state.pid}): "
            "use it, or end it with `frameloom farm down`."
        )
    target = OwnTarget(workers, trust_scripts=trust_scripts)
    lost: list[str] = []
    with held(), Interrupts() as interrupts, suppress(KeyboardInterrupt):
        interrupts.surely(lambda: _serve(target, lost), target.close)
    say(_is_down("".join(lost)))


def _serve(target: OwnTarget, lost: list[str]) -> None:
    """Serve until the farm ends or is interrupted; append a description of the lost objects to `lost`."""
    target.open(warn)
    running = target.running()
    state = FarmState(
        endpoint=running.endpoint, outputs=running.outputs, environment=running.environment, workers=target.most
    )
    state.save()
    say(*describe(state.endpoint, outputs=state.outputs, environment=state.environment).splitlines())
    try:
        running.ended.wait()
    except KeyboardInterrupt:
        lost.append(_losses(target))
        raise
    raise FarmUnavailable(problem="The farm ended unexpectedly. The contents of its buckets are lost.")


def _losses(target: Target) -> str:
    """Return a description of a farm's objects; without counts if it does not answer in time."""
    found: list[str] = []

    def ask() -> None:
        # The farm must end even if it cannot count its objects.
        with suppress(Exception):
            found.append(losses(target.connection()))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_COUNTS_WITHIN)
    return found[0] if found else "the contents of its buckets"


def _is_down(lost: str) -> str:
    return f"The farm is down. Lost with it: {lost}." if lost else "The farm is down."


def describe(endpoint: str, *, outputs: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Return lines on how to reach a farm, with commands to copy."""
    lines = ["The farm is up; Ctrl-C ends it.", "", *_warning(outputs), "", f"  {'endpoint':<14} {endpoint}"]
    lines += [f"  {name:<14} {outputs[output]}" for output, name in SHOWN.items() if output in outputs]
    lines += ["", "To use it with any AWS client:"]
    lines += [f"  export {name}={shlex.quote(value)}" for name, value in environment.items()]
    machine = shlex.quote(outputs["StateMachineArn"])
    order = shlex.quote('{"file": "shot.blend", "start": "1", "end": "17"}')
    lines += [
        "",
        "An upload starts a job with the scene's frame range:",
        f"  aws s3 cp shot.blend s3://{outputs['ScenesBucketName']}/",
        "",
        "To render chosen frames of a scene in that bucket:",
        f"  aws stepfunctions start-execution --state-machine-arn {machine} --input {order}",
    ]
    return "\n".join(lines)


def _warning(outputs: Mapping[str, str]) -> list[str]:
    return [
        "Scenes, frames and films in its buckets are lost when it ends. To keep those of a job, start it with",
        "`frameloom render SCENE --out FOLDER`, or fetch them first:",
        *(f"  aws s3 sync s3://{outputs[name]}/ FOLDER" for name in ("ScenesBucketName", "FramesBucketName")),
    ]


def end() -> None:
    """End the running farm, and return when it has ended.

    Raises:
        FarmUnavailable: no farm is running, or it does not end.
    """
    state = FarmState.load()
    if state is None:
        raise FarmUnavailable(problem="No local farm is running.")
    lost = _losses(RunningTarget(environment=state.environment, outputs=state.outputs, workers=state.workers))
    state.send(signal.SIGTERM)
    deadline = time.monotonic() + ENDS_WITHIN
    while is_held():
        if time.monotonic() > deadline:
            raise FarmUnavailable(problem=f"The farm (process {state.pid}) has not ended in {ENDS_WITHIN:.0f} seconds.")
        time.sleep(0.05)
    say(_is_down(lost))
