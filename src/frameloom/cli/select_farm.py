"""The farm that the options of a command name."""

from frameloom.client import Farm
from frameloom.model.errors import InvalidRequest


def farm_for_job(*, stack: str | None, local: bool, workers: int | None = None) -> Farm:
    """Return the farm for a new job; it is started with the job if none runs on this machine.

    Raises:
        InvalidRequest: the options exclude each other.
        FarmUnavailable: a farm on this machine does not answer.
    """
    if stack is not None:
        _check_alone(local=local, workers=workers)
        return Farm.of_stack(stack)
    return Farm.local(workers=workers)


def running_farm(*, stack: str | None, local: bool) -> Farm:
    """Return a farm that runs.

    Raises:
        InvalidRequest: the options exclude each other.
        FarmUnavailable: no farm runs on this machine.
    """
    if stack is not None:
        _check_alone(local=local)
        return Farm.of_stack(stack)
    return Farm.running()


def _check_alone(*, local: bool, workers: int | None = None) -> None:
    for option, given in (("--local", local), ("--workers", workers is not None)):
        if given:
            raise InvalidRequest(field=option, problem="cannot be combined with --stack")
