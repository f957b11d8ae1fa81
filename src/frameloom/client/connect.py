"""The farm that the client works with: a deployed stack, a farm that runs on this machine, or one of its own."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from frameloom.client.job_result import QueueDepth
from frameloom.local.idle_capacity import most_workers
from frameloom.model.blenders import parse_blenders
from frameloom.model.errors import FarmUnavailable, InvalidRequest
from frameloom.model.settings import Device, read_device
from frameloom.services.storage.ports import Buckets, Executions, Store
from frameloom.services.system.installed_blenders import installed_blenders

if TYPE_CHECKING:
    from frameloom.aws.stack import Stack
    from frameloom.local.local_farm import LocalFarm

# Workers that a farm of the client's own starts with. Each renders with all cores that Blender can use.
WORKERS = 1
CLOSED = "This farm was closed: use it and its jobs inside the `with` block."


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A farm that answers; `queue_depth` asks for the chunks that it has."""

    store: Store
    executions: Executions
    buckets: Buckets
    queue_depth: Callable[[], QueueDepth]


class Target(Protocol):
    """A farm that can be connected to; nothing is started or called before `open`, `blenders` or `device`."""

    # Whether the farm and its jobs continue after `close`.
    stays: bool
    # Whether its frames bucket outlives the farm's processes. If not, frames in the output folder are uploaded to it.
    keeps_frames: bool
    # How many chunks its workers can take at once; None if the number of workers is not limited.
    chunks_at_once: int | None

    def blenders(self) -> Sequence[str]:
        """Return the full versions of Blender that the farm renders with."""

    def device(self) -> Device:
        """Return the device that the farm renders on by default."""

    def open(self, notify: Callable[[str], None], *, trust_scripts: bool) -> None:
        """Begin to start the farm and return at once; do nothing if it was opened before.

        Args:
            notify: called with a sentence when a process of the farm starts or ends, from any thread.
            trust_scripts: whether a farm that is started here may run the Python in a scene.

        Raises:
            FarmUnavailable: the farm would have to be started, but was closed.
        """

    def connection(self) -> Connection:
        """Return the connection; wait until the farm answers."""

    def close(self) -> None:
        """End the farm if `open` started it; harmless when repeated."""


def local_target(*, workers: int | None = None, trust_scripts: bool = False) -> Target:
    """Return the farm that runs on this machine, or one of the client's own that is not started yet.

    Raises:
        InvalidRequest: `workers` is not 1 or more, or is given although a farm is running.
        FarmUnavailable: a farm is running and does not answer.
    """
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise InvalidRequest(field="workers", problem=f"takes a whole number from 1, not {workers!r}")
    running = find_running()
    if running is None:
        return OwnTarget(workers, trust_scripts=trust_scripts)
    if workers is not None:
        raise InvalidRequest(
            field="workers",
            problem="a local farm is running with workers of its own: leave `workers` out, or end that farm with "
            "`frameloom farm down`",
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


class StackTarget:
    """The farm of a CloudFormation stack."""

    stays = True
    keeps_frames = True
    chunks_at_once: int | None = None

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: Stack | None = None

    def blenders(self) -> Sequence[str]:
        """Return the versions of Blender that the stack was deployed with."""
        return self._found().blenders

    def device(self) -> Device:
        """Return the device that the stack was deployed to render on."""
        return self._found().device

    def open(self, notify: Callable[[str], None], *, trust_scripts: bool) -> None:
        """Do nothing: the stack runs."""

    @cached_property
    def _connected(self) -> Connection:
        from frameloom.aws.clients import client  # noqa: PLC0415

        return _connection(self._found(), client)

    def connection(self) -> Connection:
        """Return the connection that the stack's outputs describe."""
        return self._connected

    def close(self) -> None:
        """Do nothing: the stack continues."""

    def _found(self) -> "Stack":
        from frameloom.aws.stack import find_stack  # noqa: PLC0415

        if self._stack is None:
            self._stack = find_stack(self._name)
        return self._stack


class RunningTarget:
    """A farm that another process runs on this machine."""

    stays = True
    # Its buckets are lost with it, so frames in the output folder may be missing there.
    keeps_frames = False

    def __init__(self, *, environment: Mapping[str, str], outputs: Mapping[str, str], workers: int | None) -> None:
        self._environment, self._outputs = environment, outputs
        self.chunks_at_once = _chunks_at_once(workers)

    def blenders(self) -> Sequence[str]:
        """Return the versions of Blender that its workers have."""
        return parse_blenders(self._outputs["BlenderVersions"])

    def device(self) -> Device:
        """Return the device that it was started to render on."""
        return read_device(self._outputs["CyclesDevice"])

    def open(self, notify: Callable[[str], None], *, trust_scripts: bool) -> None:
        """Do nothing: it runs."""

    @cached_property
    def _connected(self) -> Connection:
        return _local_connection(self._outputs, _local_clients(self._environment))

    def connection(self) -> Connection:
        """Return the connection."""
        return self._connected

    def close(self) -> None:
        """Do nothing: it continues."""


class OwnTarget:
    """A farm on this machine that lives from `open` to `close`."""

    stays = False
    keeps_frames = False

    def __init__(self, workers: int | None, *, trust_scripts: bool = False) -> None:
        self._workers = WORKERS if workers is None else workers
        self._trust_scripts = trust_scripts
        # The largest number of workers, which it reaches if the first leave cores idle; a given number is fixed.
        self.most = most_workers() if workers is None else workers
        self.chunks_at_once = _chunks_at_once(self.most)
        # One thread starts the farm and ends it, in this order: an interrupt finds it started or not started, never
        # in between, and the main thread is free meanwhile.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="farm")
        # Guards the decision to start, since jobs may be started from several threads.
        self._lock = threading.Lock()
        self._closed = False
        self._starting: Future[LocalFarm] | None = None
        self._addressed: Future[Mapping[str, str]] = Future()
        self._running: LocalFarm | None = None

    def blenders(self) -> Sequence[str]:
        """Return the versions of Blender that are installed here.

        Raises:
            FarmUnavailable: Blender is not installed here.
        """
        found = installed_blenders()
        if not found:
            raise FarmUnavailable(
                problem="Blender is not installed here: `make env` in the checkout installs it, "
                "or render on the farm of a stack (`--stack NAME`, `Farm.of_stack`)."
            )
        return tuple(each.version for each in found)

    def device(self) -> Device:
        """Return the CPU, which every machine has; a request may name a GPU."""
        return "CPU"

    def open(self, notify: Callable[[str], None], *, trust_scripts: bool = False) -> None:
        """Begin to start the farm and return at once; do nothing if it was opened before.

        Raises:
            FarmUnavailable: the farm was closed, so nothing would end another one.
        """
        with self._lock:
            if self._closed:
                raise FarmUnavailable(problem=CLOSED)
            if self._starting is None:
                self._trust_scripts |= trust_scripts
                self._starting = self._thread.submit(self._start, notify)

    @cached_property
    def _connected(self) -> Connection:
        either: list[Future[Any]] = [self._addressed, self._begun()]
        wait(either, return_when=FIRST_COMPLETED)
        if not self._addressed.done():
            # The start failed before the farm had an address: raise its error.
            self.running()
        # Make the clients while the farm starts.
        clients = _local_clients(self._addressed.result())
        return _local_connection(self.running().outputs, clients)

    def connection(self) -> Connection:
        """Return the connection; wait until the farm answers."""
        return self._connected

    def running(self) -> "LocalFarm":
        """Return the farm's processes; wait until the farm answers."""
        return self._begun().result()

    def _begun(self) -> "Future[LocalFarm]":
        if self._starting is None:
            raise RuntimeError("open the farm first")
        return self._starting

    def close(self) -> None:
        """End the farm and wait until its processes and files are gone."""
        with self._lock:
            self._closed = True
        self._thread.submit(self._end).result()

    def _start(self, notify: Callable[[str], None]) -> "LocalFarm":
        from frameloom.local.local_farm import LocalFarm  # noqa: PLC0415

        self._running = LocalFarm(
            workers=self._workers,
            most=self.most,
            parameters={
                # The farm's workers use the Blenders that are installed here, not the template's default version.
                "BlenderVersions": " ".join(self.blenders()),
                "CyclesDevice": self.device(),
                "TrustedScripts": "allow" if self._trust_scripts else "refuse",
            },
            addressed=self._addressed.set_result,
            log=notify,
        )
        return self._running.__enter__()

    def _end(self) -> None:
        if self._running is not None:
            self._running.close()


def _chunks_at_once(workers: int | None) -> int | None:
    """Return two chunks per worker, of which one waits; None if the number of workers is unknown or zero."""
    return 2 * workers if workers else None


def _local_clients(environment: Mapping[str, str]) -> Callable[[str], Any]:
    from frameloom.aws.clients import clients_for  # noqa: PLC0415

    clients = clients_for(environment)
    for service in ("s3", "stepfunctions"):
        clients(service)
    return clients


def _local_connection(outputs: Mapping[str, str], clients: Callable[[str], Any]) -> Connection:
    from frameloom.aws.stack import stack_of  # noqa: PLC0415

    return _connection(stack_of(dict(outputs), name="local"), clients)


def _connection(stack: "Stack", clients: Callable[[str], Any]) -> Connection:
    from frameloom.aws.executions import JobExecutions  # noqa: PLC0415
    from frameloom.aws.queue import read_depths  # noqa: PLC0415
    from frameloom.aws.store import S3Store  # noqa: PLC0415

    def queue_depth() -> QueueDepth:
        return QueueDepth(**asdict(read_depths(stack.chunk_queue, stack.dead_letter_queue, clients("sqs"))))

    return Connection(
        store=S3Store(clients("s3")),
        executions=JobExecutions(stack.machine, clients("stepfunctions")),
        buckets=stack.buckets,
        queue_depth=queue_depth,
    )
