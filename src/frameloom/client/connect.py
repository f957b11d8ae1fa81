"""The farm that a command works with: a deployed stack, one that runs on this machine, or one of its own."""

import importlib.metadata
import os
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from frameloom.local.idle_capacity import most_workers
from frameloom.model.errors import FarmUnavailable, InvalidRequest
from frameloom.model.settings import Device, read_device
from frameloom.services.storage.ports import Buckets, Executions, Store

if TYPE_CHECKING:
    from frameloom.aws.stack import Stack
    from frameloom.local.local_farm import LocalFarm

# Of a farm of one's own, to begin with: each renders with every core that Blender can use.
WORKERS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Farm:
    """A farm that answers; `chunk_queue` and `dead_letter_queue` are URLs."""

    store: Store
    executions: Executions
    buckets: Buckets
    chunk_queue: str
    dead_letter_queue: str


class Target(Protocol):
    """A farm that is to be had: nothing is started or asked before `open`, or before `blender` and `device`."""

    # Whether the farm and its jobs continue after the command.
    stays: bool
    # Whether its frames bucket outlives the farm's processes; one that does not is given what a folder holds.
    keeps_frames: bool
    # How many chunks suit its workers at once, where they are so many and never more.
    chunks_at_once: int | None

    def blender(self) -> str:
        """Return the version of Blender that the farm renders with."""

    def device(self) -> Device:
        """Return what the farm renders on where a request names nothing else."""

    def open(self, tell: Callable[[str], None]) -> None:
        """Begin to reach the farm, and come back at once; `tell` is given a sentence when something happens to it."""

    def farm(self) -> Farm:
        """Return the farm, once it answers."""

    def close(self) -> None:
        """End what was started for this command alone; harmless when repeated."""


def find_target(*, stack: str | None, local: bool, workers: int | None, trust_scripts: bool = False) -> Target:
    """Return the target that a command's options name.

    Args:
        stack, local, workers: the options.
        trust_scripts: whether a farm that the command starts may run the code in a scene.

    Raises:
        InvalidRequest: they name two.
    """
    if stack is not None:
        for option, given in (("--local", local), ("--workers", workers is not None)):
            if given:
                raise InvalidRequest(field=option, problem="has no meaning together with --stack")
        return StackTarget(stack)
    running = find_running()
    if running is None:
        return OwnTarget(workers, trust_scripts=trust_scripts)
    if workers is not None:
        raise InvalidRequest(
            field="--workers",
            problem="a local farm is running with workers of its own: leave --workers out, or take the farm down",
        )
    return running


def find_running() -> "RunningTarget | None":
    """Return the farm that `frameloom farm up` runs on this machine, or None.

    Raises:
        FarmUnavailable: the farm does not answer.
    """
    from frameloom.local.farm_state import FarmState  # noqa: PLC0415

    state = FarmState.load()
    if state is None:
        return None
    if not state.answers():
        raise FarmUnavailable(
            problem=f"The local farm at {state.endpoint} (process {state.pid}) does not answer: "
            "end it with `frameloom farm down`."
        )
    return RunningTarget(environment=state.environment, outputs=state.outputs, workers=state.workers)


def find_farm(*, stack: str | None, local: bool) -> Farm:
    """Return a farm that runs.

    Raises:
        InvalidRequest: the options name two.
        FarmUnavailable: it does not run.
    """
    target = find_target(stack=stack, local=local, workers=None)
    if isinstance(target, OwnTarget):
        raise FarmUnavailable(problem="No local farm is running: start one with `frameloom farm up`.")
    return target.farm()


class StackTarget:
    """The farm of a CloudFormation stack."""

    stays = True
    keeps_frames = True
    chunks_at_once: int | None = None

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: Stack | None = None

    def blender(self) -> str:
        """Return the version of Blender that the stack was deployed with."""
        return self._found().blender

    def device(self) -> Device:
        """Return what the stack was deployed to render on."""
        return self._found().device

    def open(self, tell: Callable[[str], None]) -> None:
        """Do nothing: it runs."""

    def farm(self) -> Farm:
        """Return the farm that the stack's outputs describe."""
        return _farm(self._found())

    def close(self) -> None:
        """Do nothing: it goes on."""

    def _found(self) -> "Stack":
        from frameloom.aws.stack import find_stack  # noqa: PLC0415

        if self._stack is None:
            self._stack = find_stack(self._name)
        return self._stack


class RunningTarget:
    """A farm that runs on this machine already, and goes on after the command."""

    stays = True
    # Its buckets are gone with it: a folder of frames may hold what it does not.
    keeps_frames = False

    def __init__(self, *, environment: Mapping[str, str], outputs: Mapping[str, str], workers: int | None) -> None:
        self._environment, self._outputs = environment, outputs
        self.chunks_at_once = _chunks_at_once(workers)

    def blender(self) -> str:
        """Return the version of Blender that its workers hold."""
        return self._outputs["BlenderVersion"]

    def device(self) -> Device:
        """Return what it was started to render on."""
        return read_device(self._outputs["CyclesDevice"])

    def open(self, tell: Callable[[str], None]) -> None:
        """Do nothing: it runs."""

    def farm(self) -> Farm:
        """Return the farm; from here on this process's AWS is that farm's."""
        _turn_to(self._environment)
        return _local_farm(self._outputs)

    def close(self) -> None:
        """Do nothing: it goes on."""


class OwnTarget:
    """A farm on this machine that lives as long as the command."""

    stays = False
    keeps_frames = False

    def __init__(self, workers: int | None, *, trust_scripts: bool = False) -> None:
        self._workers = WORKERS if workers is None else workers
        self._trusted_scripts = "allow" if trust_scripts else "refuse"
        # How many there may be, where the first leaves cores idle; a number that was asked for stays.
        self.most = most_workers() if workers is None else workers
        self.chunks_at_once = _chunks_at_once(self.most)
        # One thread starts the farm and ends it, in the order asked for: an interrupt finds it started or not
        # started, never in between, and the main thread is free meanwhile.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="farm")
        self._starting: Future[LocalFarm] | None = None
        self._addressed: Future[Mapping[str, str]] = Future()
        self._running: LocalFarm | None = None

    def blender(self) -> str:
        """Return the version of Blender that is installed here."""
        try:
            return importlib.metadata.version("bpy")
        except importlib.metadata.PackageNotFoundError:
            raise FarmUnavailable(
                problem="Blender is not installed here: `make env` in the checkout installs it, "
                "or render on a deployed farm with --stack."
            ) from None

    def device(self) -> Device:
        """Return the CPU, which every machine has; a request may name a card."""
        return "CPU"

    def open(self, tell: Callable[[str], None]) -> None:
        """Begin to start the farm, and come back at once."""
        self._starting = self._thread.submit(self._start, tell)

    def farm(self) -> Farm:
        """Return the farm once it answers; from here on this process's AWS is that farm's."""
        either: list[Future[Any]] = [self._addressed, self._begun()]
        wait(either, return_when=FIRST_COMPLETED)
        if self._addressed.done():
            # The clients, while the farm starts.
            _turn_to(self._addressed.result())
        return _local_farm(self.running().outputs)

    def running(self) -> "LocalFarm":
        """Return the farm's processes once it answers."""
        return self._begun().result()

    def _begun(self) -> "Future[LocalFarm]":
        if self._starting is None:
            raise RuntimeError("open the farm first")
        return self._starting

    def close(self) -> None:
        """Take the farm down and wait until nothing of it is left."""
        self._thread.submit(self._end).result()

    def _start(self, tell: Callable[[str], None]) -> "LocalFarm":
        from frameloom.local.local_farm import LocalFarm  # noqa: PLC0415

        self._running = LocalFarm(
            workers=self._workers,
            most=self.most,
            parameters={
                # The farm's workers use the Blender that is installed here, not the template's default version.
                "BlenderVersion": self.blender(),
                "CyclesDevice": self.device(),
                "TrustedScripts": self._trusted_scripts,
            },
            addressed=self._addressed.set_result,
            log=tell,
        )
        return self._running.__enter__()

    def _end(self) -> None:
        if self._running is not None:
            self._running.close()


def _chunks_at_once(workers: int | None) -> int | None:
    """Return one chunk in each worker's hands and one that waits for it; None of workers who are to come yet."""
    return 2 * workers if workers else None


def _local_farm(outputs: Mapping[str, str]) -> Farm:
    from frameloom.aws.stack import stack_of  # noqa: PLC0415

    return _farm(stack_of(dict(outputs), name="local"))


def _turn_to(environment: Mapping[str, str]) -> None:
    """Make a local farm this process's AWS, and its clients."""
    from frameloom.aws.clients import client  # noqa: PLC0415

    # Before the first client is made, which reads them. Nothing of an account may be left: a session token, a
    # profile or another service's endpoint would lead to AWS.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(environment)
    for service in ("s3", "stepfunctions"):
        client(service)


def _farm(stack: "Stack") -> Farm:
    from frameloom.aws.executions import JobExecutions  # noqa: PLC0415
    from frameloom.aws.store import S3Store  # noqa: PLC0415

    return Farm(
        store=S3Store(),
        executions=JobExecutions(stack.machine),
        buckets=stack.buckets,
        chunk_queue=stack.chunk_queue,
        dead_letter_queue=stack.dead_letter_queue,
    )
