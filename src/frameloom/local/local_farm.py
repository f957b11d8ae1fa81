"""The farm on one machine: the embedded AWS with the stack of template.yaml, and workers."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from frameloom.local import worker_processes
from frameloom.local.environment import farm_environment, without_aws
from frameloom.local.shared_imports import warm_up
from frameloom.local.stub_services import needs_every_service
from frameloom.local.template_cache import cached_template
from frameloom.local.user_folder import cache_folder, private
from frameloom.model.errors import FarmUnavailable

TEMPLATE = "template.yaml"

# A worker's environment variables from the stack: the name of each, and its output.
WORKER_VARIABLES = {
    "CHUNK_QUEUE_URL": "ChunkQueueUrl",
    "LOG_QUEUE_URL": "LogQueueUrl",
    "LOG_BUCKET": "LogBucketName",
}

# The access key id of workers. They have their own role, as functions do.
WORKER_KEY = "worker"

# Timeout for the start of a process, in seconds: a machine that renders on all cores is slow.
_START_TIMEOUT = 60.0
# Timeout for the emulator and its processes to end, in seconds. They have no work to finish.
_EMULATOR_GRACE = 10.0


class LocalFarm:
    """A farm that lives as long as its `with` block, or as this process, whichever ends first.

    Args:
        workers: the number of workers; one renders with all cores that Blender can use.
        most: the largest number of workers if those leave cores idle; by default `workers`.
        root: the folder of template.yaml; by default the checkout of this package.
        work_dir: the folder for logs and temporary files; by default a folder that is removed with the farm.
        worker_env: variables that are added to the workers' environment or replace others.
        parameters: values for the template's parameters; others have their defaults.
        worker_command: the command of a worker, run in `root`.
        record: the file in which every call to AWS is recorded; see `frameloom.local.call_recorder`.
        secret: the key with which calls must be signed; random by default.
        addressed: called with `environment` once it is known, before most of the farm has started.
        log: called with a sentence for each event, from any thread.

    Attributes:
        outputs: the outputs of the stack.
        timings: the seconds of each part of the start.
        ended: set when the emulator ends, and the farm with it.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        most: int | None = None,
        root: Path | None = None,
        work_dir: Path | None = None,
        worker_env: Mapping[str, str] | None = None,
        parameters: Mapping[str, str] | None = None,
        worker_command: tuple[str, ...] = (sys.executable, "-m", "worker"),
        record: Path | None = None,
        secret: str | None = None,
        addressed: Callable[[Mapping[str, str]], None] = lambda _: None,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._count, self._most = workers, most or workers
        self._root, self._given_work_dir = root, work_dir
        self._worker_env, self._parameters = dict(worker_env or {}), dict(parameters or {})
        self._worker_command, self._record, self._log = worker_command, record, log
        self._addressed = addressed
        # 160 bits, in 40 characters like an AWS secret key.
        self._secret = secret or secrets.token_hex(20)
        self._parts = ExitStack()
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._started: set[int] = set()
        self._start_error = ""
        self._pids: dict[int, int] = {}
        self._inherited: dict[str, str] = {}
        self.work_dir = Path()
        self.endpoint = ""
        self.outputs: dict[str, str] = {}
        self.timings: dict[str, float] = {}
        self.ended = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a program uses this farm instead of AWS."""
        return farm_environment(self.endpoint, secret=self._secret)

    @property
    def workers(self) -> list[int]:
        """The process ids of the running workers, in the order of their numbers."""
        with self._changed:
            return [pid for _, pid in sorted(self._pids.items())]

    def __enter__(self) -> Self:
        """Start the farm; it is up when this returns.

        Raises:
            FarmUnavailable: a part did not start; the message has the reason. No process or file is left.
        """
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the farm."""
        self.close()

    def close(self) -> None:
        """End the workers, then the emulator, and remove all files. A second call does nothing."""
        self._closing.set()
        self._parts.close()

    def _start(self) -> None:
        root = (self._root or find_root()).resolve()
        # Once, since another thread may set the farm's variables in this process.
        self._inherited = without_aws(os.environ)
        self._make_work_dir()
        # Without a cache folder, this farm starts without caches.
        cache = cache_folder() or self.work_dir
        with self._timed("template"):
            template = cached_template(root / TEMPLATE, self._parameters, folder=cache)
        started = time.perf_counter()
        emulator = self._start_emulator(template, cache, started)
        fleet = self._start_fleet()
        # Before the workers get SIGTERM, since each waits for the response to its last poll.
        self._parts.callback(_announce_end, emulator)
        self._addressed(self.environment)
        with self._timed("stack"):
            # Import the client while the emulator starts; its first call waits until the emulator is up.
            from frameloom.local.deploy import deploy  # noqa: PLC0415

            try:
                self.outputs = deploy(template, self._parameters, endpoint=self.endpoint, secret=self._secret)
            except FarmUnavailable as error:
                problem = "The emulator did not start" if _has_ended(emulator) else str(error).rstrip(".")
                # Its log is removed with the farm.
                raise FarmUnavailable(problem=f"{problem}. {self._last_log_line()}") from None
        with self._timed("workers"):
            self._start_workers(fleet, root)

    def _make_work_dir(self) -> None:
        if self._given_work_dir is not None:
            self.work_dir = private(self._given_work_dir.resolve())
        else:
            # mkdtemp makes it readable by this user only.
            self.work_dir = Path(tempfile.mkdtemp(prefix="frameloom-"))
            self._parts.callback(shutil.rmtree, self.work_dir, ignore_errors=True)
        private(self.work_dir / "tmp")

    def _start_emulator(self, template: Mapping[str, Any], cache: Path, started: float) -> "subprocess.Popen[bytes]":
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
            arguments = ["--work-dir", str(self.work_dir), "--fd", str(listener.fileno())]
            arguments += ["--cache", str(cache)]
            arguments += ["--warm", json.dumps(warm_up(template))]
            if needs_every_service(template):
                arguments.append("--every-service")
            if self._record is not None:
                arguments += ["--record", str(self._record.resolve())]
            emulator = self._start_part("emulator", arguments, hand_over=[listener.fileno()])
        self._parts.callback(_end, emulator, timeout=_EMULATOR_GRACE)
        threading.Thread(target=self._watch, args=(_pipe(emulator.stdout), started), daemon=True).start()
        return emulator

    def _start_fleet(self) -> "subprocess.Popen[bytes]":
        # It also removes the folder if this process is killed.
        fleet = self._start_part("worker_processes", [] if self._given_work_dir else ["--remove", str(self.work_dir)])
        self._parts.callback(_end, fleet, timeout=worker_processes.GRACE + _EMULATOR_GRACE)
        return fleet

    def _start_part(
        self, module: str, arguments: list[str], *, hand_over: Collection[int] = ()
    ) -> "subprocess.Popen[bytes]":
        with (self.work_dir / f"{module}.log").open("ab") as log:
            return subprocess.Popen(
                # -P: no imports from the current folder.
                [sys.executable, "-P", "-m", f"frameloom.local.{module}", *arguments],
                env={**self._inherited, **_without_endpoint(self.environment)},
                # The pipe ends with this process, and the part ends with the pipe.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=hand_over,
                # Ctrl-C in the terminal must only reach this process, which ends the others in order.
                start_new_session=True,
            )

    def _watch(self, emulator: IO[bytes], started: float) -> None:
        if emulator.readline():
            self.timings["emulator"] = time.perf_counter() - started
        emulator.read()
        if not self._closing.is_set():
            self._log(f"The emulator has ended, and so has the farm. {self._last_log_line()}")
        self.ended.set()

    def _last_log_line(self) -> str:
        lines = (self.work_dir / "emulator.log").read_text(errors="replace").splitlines()
        return f"The last line of its log: {lines[-1]}" if lines else "Its log is empty."

    def _start_workers(self, fleet: "subprocess.Popen[bytes]", root: Path) -> None:
        """Order the fleet to start its workers, and return when each was started once."""
        order = {
            "count": self._count,
            "most": self._most,
            "command": self._worker_command,
            "cwd": str(root),
            "logs": str(self.work_dir),
            "environment": {
                **self._inherited,
                **farm_environment(self.endpoint, secret=self._secret, key=WORKER_KEY),
                "TMPDIR": str(self.work_dir / "tmp"),
                **{name: self.outputs[output] for name, output in WORKER_VARIABLES.items() if output in self.outputs},
                **self._worker_env,
            },
        }
        orders = _pipe(fleet.stdin)
        orders.write(f"{json.dumps(order)}\n".encode())
        orders.flush()
        listener = threading.Thread(target=self._listen, args=(_pipe(fleet.stdout),), daemon=True)
        listener.start()
        with self._changed:
            self._changed.wait_for(
                lambda: self._start_error or len(self._started) == self._count, timeout=_START_TIMEOUT
            )
            if len(self._started) < self._count:
                raise FarmUnavailable(problem=f"The workers did not start. {self._start_error}".strip())

    def _listen(self, events: IO[bytes]) -> None:
        for line in events:
            event: dict[str, Any] = json.loads(line)
            number, code = event["worker"], event.get("code")
            with self._changed:
                if "error" in event:
                    self._start_error = event["error"]
                elif code is None:
                    if number > self._count and number not in self._started:
                        self._log(f"Blender leaves cores idle: worker {number} starts.")
                    self._started.add(number)
                    self._pids[number] = event["pid"]
                elif self._pids.get(number) == event["pid"]:
                    del self._pids[number]
                self._changed.notify_all()
            if code is not None and not self._closing.is_set():
                log = self.work_dir / f"worker-{number}.log"
                self._log(f"Worker {number} ended with code {code}; another replaces it. See {log}")

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.timings[part] = time.perf_counter() - started


def find_root() -> Path:
    """Return the checkout of this package.

    Raises:
        FarmUnavailable: the package was installed without its template.
    """
    for folder in Path(__file__).resolve().parents:
        if (folder / TEMPLATE).is_file():
            return folder
    raise FarmUnavailable(
        problem=f"{Path(__file__).parent} is not in a checkout with {TEMPLATE}: a local farm needs one."
    )


def _end(part: "subprocess.Popen[bytes]", *, timeout: float) -> None:
    """End a part by closing its standard input, or kill it after a timeout."""
    _pipe(part.stdin).close()
    try:
        part.wait(timeout)
    except subprocess.TimeoutExpired:
        # Kill the whole group: each part leads its own process group, and is not reaped yet.
        os.killpg(part.pid, signal.SIGKILL)
        part.wait()
    finally:
        _pipe(part.stdout).close()


def _announce_end(emulator: "subprocess.Popen[bytes]") -> None:
    """Make the emulator answer all polls, if it still runs."""
    with suppress(OSError):
        os.write(_pipe(emulator.stdin).fileno(), b"end\n")


def _has_ended(part: "subprocess.Popen[bytes]") -> bool:
    with suppress(subprocess.TimeoutExpired):
        # A connection may break shortly before the process has ended.
        part.wait(0.5)
    return part.returncode is not None


def _without_endpoint(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name != "AWS_ENDPOINT_URL"}


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    return cast("IO[bytes]", stream)
