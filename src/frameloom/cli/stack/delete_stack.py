"""What `frameloom farm delete` does: a deployed farm is emptied and deleted, its frames only where asked for."""

from dataclasses import dataclass

from frameloom.aws import stack_deletion
from frameloom.aws.jobs import stop_job
from frameloom.aws.purge import Contents, contents, delete_bucket, empty_bucket, empty_repository
from frameloom.aws.stack import find_stack
from frameloom.cli.confirm import check_askable, confirm
from frameloom.cli.display import Display, make_display
from frameloom.cli.output import tell_json
from frameloom.cli.stack.inventory import Survey, amount, describe, survey
from frameloom.cli.terminal import say, warn
from frameloom.kube.delete import remove
from frameloom.kube.readiness import Deadline
from frameloom.model.errors import FarmUnavailable, InvalidRequest

# In seconds, for workers to end and nodes to go.
FLEET_GOES_WITHIN = 600.0
# A Lambda that was still at work may write to a bucket that was emptied: it is emptied again.
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the options say."""

    stack: str
    context: str | None
    frames: bool
    yes: bool


def run(order: Order, *, json: bool) -> None:
    """Delete a farm, after showing what goes.

    Raises:
        FarmError: it is not deleted, or not all of it, and why.
        KeyboardInterrupt: with what becomes of a deletion that was begun.
    """
    check_askable(yes=order.yes)
    try:
        if stack_deletion.status_of(order.stack) is None:
            _delete_left(order, json=json)
            return
        with make_display(quiet=False, json=json) as display:
            found = survey(find_stack(order.stack), context=order.context, tell=display.say)
        _ask(order, describe(found, with_frames=order.frames))
        if found.problem is not None:
            warn(f"frameloom: {found.problem}")
        with make_display(quiet=False, json=json) as display:
            _delete(found, display, with_frames=order.frames)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted: the same command deletes what is left.") from None
    _tell(found, with_frames=order.frames, json=json)


def _ask(order: Order, lines: list[str]) -> None:
    warn(*lines)
    confirm("Type the stack's name to delete this for good:", answer=order.stack, yes=order.yes)


def _delete(found: Survey, display: Display, *, with_frames: bool) -> None:
    stack = found.stack
    for number, job in enumerate(found.jobs, 1):
        display.say(f"Stopping job {number:,} of {len(found.jobs):,}")
        stop_job(job, reason=f"The farm {stack.name} is being deleted.")
    if found.workers is not None:
        _delete_fleet(found, display)
    for _ in range(ROUNDS):
        for bucket in [*found.buckets, *([stack.buckets.frames] if with_frames else [])]:
            _empty(bucket, display)
        for repository in found.repositories:
            display.say(f"Emptying {repository}")
            empty_repository(repository)
        display.say("Deleting the stack")
        failures = stack_deletion.delete_stack(stack.id, display.say)
        if not any(failure.type == stack_deletion.BUCKET for failure in failures):
            break
    if failures:
        reasons = "; ".join(f"{each.resource} ({each.type}): {each.reason.rstrip('.')}" for each in failures)
        raise FarmUnavailable(
            problem=f"The stack {stack.name} is not deleted: {reasons}. The same command tries what is left again."
        )
    if with_frames:
        # The template keeps it when the stack goes.
        delete_bucket(stack.buckets.frames)


def _delete_fleet(found: Survey, display: Display) -> None:
    if found.workers is None:
        return
    try:
        remove(
            found.workers.cluster,
            found.workers.fleet,
            namespace=found.stack.namespace,
            deadline=Deadline(FLEET_GOES_WITHIN),
            tell=display.say,
        )
    except FarmUnavailable as error:
        if not found.stack.owns_cluster:
            raise
        display.note(f"{error} It goes with the cluster all the same.")


def _empty(bucket: str, display: Display) -> None:
    display.say(f"Emptying {bucket}")
    told = 0

    def tell(deleted: int) -> None:
        nonlocal told
        # A pipe need not hear of every thousand.
        if deleted >= told + 10_000:
            told = deleted
            display.say(f"Emptying {bucket}: {deleted:,} objects are gone")

    empty_bucket(bucket, tell)


def _delete_left(order: Order, *, json: bool) -> None:
    """Delete the frames that a deleted stack has left.

    Raises:
        InvalidRequest: there is no such stack, and nothing that it left was to be deleted.
    """
    outputs = stack_deletion.deleted_stack(order.stack) or {}
    bucket = outputs.get("FramesBucketName")
    held = None if bucket is None else contents(bucket)
    if bucket is None or held is None:
        raise InvalidRequest(field="--stack", problem=f"there is no stack {order.stack!r}, and nothing left of one")
    if not order.frames:
        raise InvalidRequest(
            field="--stack",
            problem=f"the stack {order.stack!r} is gone; its frames are in s3://{bucket} ({amount(held)}), and "
            "--frames deletes them",
        )
    _ask(order, [f"The stack {order.stack} is gone. Of it there is", f"  bucket {bucket} with {amount(held)}"])
    with make_display(quiet=False, json=json) as display:
        _empty(bucket, display)
        delete_bucket(bucket)
    if json:
        tell_json({"stack": order.stack, "frames": _facts(bucket, held) | {"kept": False}})
    else:
        say(f"The frames of the farm {order.stack} are gone.")


def _tell(found: Survey, *, with_frames: bool, json: bool) -> None:
    frames = found.stack.buckets.frames
    kept = None if with_frames else contents(frames)
    if json:
        held = found.frames if with_frames else kept
        tell_json(
            {
                "stack": found.stack.name,
                "jobs_stopped": len(found.jobs),
                "buckets": [_facts(name, held) for name, held in found.buckets.items()],
                "images": sum(found.repositories.values()),
                "frames": None if held is None else _facts(frames, held) | {"kept": not with_frames},
            }
        )
        return
    say(f"The farm {found.stack.name} is gone.")
    if kept is not None:
        say(f"Its frames are kept in s3://{frames} ({amount(kept)}).")
        say(f"`frameloom farm delete --stack {found.stack.name} --frames` deletes them, within 90 days.")


def _facts(bucket: str, held: Contents) -> dict[str, object]:
    return {"bucket": bucket, "objects": held.objects, "size": held.size}
