"""`python -m frameloom.local.worker_processes`: keeps a farm's workers running, and ends them with the farm.

It is a separate process, so that the workers end even if the farm is killed: its standard input is a pipe from the
farm, and the end of the pipe ends all workers. The first line of the input has the order:
`{"count", "most", "command", "cwd", "environment", "logs"}`. It starts `count` workers, and up to `most` while those
leave the machine idle (`frameloom.local.idle_capacity`). It writes a line of JSON to standard output for each event:
`{"worker": 1, "pid": 4711}`, `{"worker": 1, "pid": 4711, "code": -9}`, and `{"worker": 1, "error": "..."}` for a
worker that the system cannot start.

`--remove DIR` removes the farm's folder at the end, since the farm itself may be killed before it can.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from frameloom.local.idle_capacity import Sample, take_sample, worth_another
from frameloom.model.backoff import delays
from frameloom.services.system.cpu import usable_cores

# Timeout for workers to return their messages, in seconds.
GRACE = 5.0

# Timeout for a worker's killed process group to end, in seconds.
_GONE_WITHIN = 1.0

# A worker that ran for this many seconds is replaced at once. Another one failed at its start, and a delay with jitter
# comes first, so that several workers do not fail and start in step.
_STABLE_AFTER = 10.0
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 10.0

# Seconds between two samples of the machine, and the samples that decide about another worker.
_SAMPLE_INTERVAL, _SAMPLES = 1.0, 4


class Fleet:
    """Workers that are restarted when they end, until `stop`."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._keepers: list[threading.Thread] = []

    def start(self) -> None:
        """Start the first workers, and the thread that adds more."""
        for _ in range(self._order["count"]):
            self._add()
        threading.Thread(target=self._grow, daemon=True).start()

    def stop(self) -> None:
        """Send SIGTERM to all workers, kill them after a timeout, and return when all have ended."""
        with self._lock:
            self._stopping.set()
            for process in self._running.values():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for keeper in self._keepers:
            keeper.join(max(0, deadline - time.monotonic()))
        with self._lock:
            for process in self._running.values():
                _kill_group(process.pid)
        for keeper in self._keepers:
            keeper.join()

    def _add(self) -> None:
        with self._lock:
            if not self._stopping.is_set():
                keeper = threading.Thread(target=self._keep, args=(len(self._keepers) + 1,))
                self._keepers.append(keeper)
                keeper.start()

    def _grow(self) -> None:
        """Add a worker whenever the running ones have left room for one in all samples."""
        samples: deque[Sample] = deque(maxlen=_SAMPLES)
        cores = usable_cores()
        while len(self._keepers) < self._order["most"] and not self._stopping.wait(_SAMPLE_INTERVAL):
            with self._lock:
                running = list(self._running)
            sample = take_sample(running, at=time.monotonic())
            if sample is None:
                return
            samples.append(sample)
            if (
                len(samples) == _SAMPLES
                and len(sample.busy) == len(self._keepers)
                and worth_another(samples, cores=cores)
            ):
                self._add()
                samples.clear()

    def _keep(self, number: int) -> None:
        pause, pauses = 0.0, _restart_delays()
        while not self._stopping.wait(pause):
            started = time.monotonic()
            with self._lock:
                if self._stopping.is_set():
                    return
                try:
                    process = self._start(number)
                except OSError as error:
                    _report(worker=number, error=str(error))
                    return
                self._running[process.pid] = process
            _report(worker=number, pid=process.pid)
            # Not reaped yet, so that its id is not reused while its group is killed: a worker that died leaves a
            # Blender behind.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            _kill_group(process.pid)
            with self._lock:
                del self._running[process.pid]
                code = process.wait()
            _wait_for_group(process.pid)
            _report(worker=number, pid=process.pid, code=code)
            if time.monotonic() - started > _STABLE_AFTER:
                pause, pauses = 0.0, _restart_delays()
            else:
                pause = next(pauses)

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        environment = {"WORKER_NAME": f"worker-{number}", **self._order["environment"]}
        with (Path(self._order["logs"]) / f"worker-{number}.log").open("ab") as log:
            return subprocess.Popen(
                self._order["command"],
                cwd=self._order["cwd"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A new session and process group, so that Ctrl-C in the terminal reaches only the farm.
                start_new_session=True,
            )


def _restart_delays() -> Iterator[float]:
    return delays(first=_FIRST_DELAY, longest=_LONGEST_DELAY)


def _kill_group(leader: int) -> None:
    # PermissionError: on macOS, a group that has only zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _wait_for_group(leader: int) -> None:
    """Wait until all processes of a killed group have ended; the group id is not reused before."""
    # In a container without an init process, zombies stay in the group.
    deadline = time.monotonic() + _GONE_WITHIN
    while time.monotonic() < deadline:
        try:
            os.killpg(leader, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.01)


def _report(**event: int | str) -> None:
    # One write per line, since several threads write. The farm may have ended.
    with suppress(OSError):
        os.write(1, f"{json.dumps(event)}\n".encode())


def _remove(folder: str) -> None:
    # The emulator may still be ending and writing files.
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not Path(folder).exists():
            return
        time.sleep(0.1)


def main() -> None:
    """Run the workers that the first line of standard input describes until standard input ends."""
    order = sys.stdin.readline()
    if order:
        fleet = Fleet(json.loads(order))
        fleet.start()
        sys.stdin.read()
        fleet.stop()
    match sys.argv[1:]:
        case ["--remove", folder]:
            _remove(folder)


if __name__ == "__main__":
    main()
