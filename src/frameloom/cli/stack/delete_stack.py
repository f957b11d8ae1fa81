"""`frameloom stack delete`: empties and deletes a deployed farm, its frames only with --frames."""

from contextlib import suppress
from dataclasses import dataclass

from frameloom.aws import stack_deletion
from frameloom.aws.executions import JobExecutions
from frameloom.aws.purge import Contents, contents, delete_bucket, empty_bucket, empty_repository
from frameloom.aws.stack import find_stack
from frameloom.cli.confirm import check_askable, confirm
from frameloom.cli.display import Display, make_display
from frameloom.cli.output import tell_json
from frameloom.cli.stack.inventory import Inventory, amount, describe, take_inventory
from frameloom.cli.terminal import say, warn
from frameloom.kube.fleet_deletion import delete_fleet
from frameloom.kube.readiness import Deadline
from frameloom.model.errors import FarmUnavailable, InvalidRequest

# Timeout for workers to end and nodes to be deleted, in seconds.
FLEET_TIMEOUT = 600.0
# Attempts to delete the stack: a Lambda that still runs may write to a bucket after it was emptied.
ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command's options."""

    stack: str
    context: str | None
    frames: bool
    yes: bool


def run(options: Options, *, json: bool) -> None:
    """Delete a farm, after a list of its contents and a question.

    Raises:
        FarmError: the farm was not deleted, or not completely.
        KeyboardInterrupt: with how to continue.
    """
    check_askable(yes=options.yes)
    try:
        if stack_deletion.status_of(options.stack) is None:
            _delete_left(options, json=json)
            return
        with make_display(quiet=False, json=json) as display:
            found = take_inventory(find_stack(options.stack), context=options.context, report=display.say)
        _ask(options, describe(found, with_frames=options.frames))
        if found.problem is not None:
            warn(f"frameloom: {found.problem}")
        with make_display(quiet=False, json=json) as display:
            _delete(found, display, with_frames=options.frames)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Interrupted: run the same command again to delete the rest.") from None
    _print_result(found, with_frames=options.frames, json=json)


def _ask(options: Options, lines: list[str]) -> None:
    warn(*lines)
    confirm("Type the stack's name to delete this for good:", answer=options.stack, yes=options.yes)


def _delete(found: Inventory, display: Display, *, with_frames: bool) -> None:
    stack = found.stack
    executions = JobExecutions(stack.machine)
    for number, job in enumerate(found.jobs, 1):
        display.say(f"Stopping job {number:,} of {len(found.jobs):,}")
        with suppress(LookupError):
            executions.stop(job, reason=f"The farm {stack.name} is being deleted.")
    if found.workers is not None:
        _delete_fleet(found, display)
    for _ in range(ATTEMPTS):
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
            problem=f"The stack {stack.name} is not deleted: {reasons}. Run the same command again to retry."
        )
    if with_frames:
        # CloudFormation keeps it, as the template's DeletionPolicy demands.
        delete_bucket(stack.buckets.frames)


def _delete_fleet(found: Inventory, display: Display) -> None:
    if found.workers is None:
        return
    try:
        delete_fleet(
            found.workers.cluster,
            found.workers.fleet,
            namespace=found.stack.namespace,
            deadline=Deadline(FLEET_TIMEOUT),
            report=display.say,
        )
    except FarmUnavailable as error:
        if not found.stack.owns_cluster:
            raise
        display.note(f"{error} The fleet will be deleted with the cluster.")


def _empty(bucket: str, display: Display) -> None:
    display.say(f"Emptying {bucket}")
    reported = 0

    def report(deleted: int) -> None:
        nonlocal reported
        # A line for every thousand would flood a log file.
        if deleted >= reported + 10_000:
            reported = deleted
            display.say(f"Emptying {bucket}: {deleted:,} objects deleted")

    empty_bucket(bucket, report)


def _delete_left(options: Options, *, json: bool) -> None:
    """Delete the frames of a stack that was deleted before.

    Raises:
        InvalidRequest: no such stack or frames exist, or --frames is missing.
    """
    outputs = stack_deletion.deleted_stack(options.stack) or {}
    bucket = outputs.get("FramesBucketName")
    held = None if bucket is None else contents(bucket)
    if bucket is None or held is None:
        raise InvalidRequest(
            field="--stack", problem=f"there is no stack {options.stack!r}, and no frames of a deleted one"
        )
    if not options.frames:
        raise InvalidRequest(
            field="--stack",
            problem=f"the stack {options.stack!r} was deleted; its frames are in s3://{bucket} ({amount(held)}): add "
            "--frames to delete them",
        )
    _ask(
        options,
        [f"The stack {options.stack} was deleted. Its frames remain:", f"  bucket {bucket} with {amount(held)}"],
    )
    with make_display(quiet=False, json=json) as display:
        _empty(bucket, display)
        delete_bucket(bucket)
    if json:
        tell_json({"stack": options.stack, "frames": _facts(bucket, held) | {"kept": False}})
    else:
        say(f"The frames of the farm {options.stack} were deleted.")


def _print_result(found: Inventory, *, with_frames: bool, json: bool) -> None:
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
    say(f"The farm {found.stack.name} was deleted.")
    if kept is not None:
        say(f"Its frames are kept in s3://{frames} ({amount(kept)}).")
        say(f"To delete them within 90 days, run `frameloom stack delete --stack {found.stack.name} --frames`.")


def _facts(bucket: str, held: Contents) -> dict[str, object]:
    return {"bucket": bucket, "objects": held.objects, "size": held.size}
