"""Disturbances of workers, messages, functions and jobs, at times from a seed."""

import contextlib
import json
import os
import random
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psutil

from frameloom.model.log_event import LogEvent
from tests.chaos.ledger import Ledger
from tests.e2e.rig import Rig

# Seconds between two disturbances, at most and at least: workers need time to render at all.
SELDOM, OFTEN = 4.0, 1.5
# Seconds of an outage of a service.
OUTAGE = (1.0, 6.0)

INVALID_MESSAGES = {
    "message that is not JSON": "\x7b not JSON",
    "message of another version": json.dumps({"version": 2, "job_id": "invalid", "chunk_id": "1-000000"}),
    "empty message": "{}",
}

# After one of these events a worker holds no chunk.
_DONE = {LogEvent.CHUNK_SUCCEEDED, LogEvent.CHUNK_FAILED, LogEvent.CHUNK_RELEASED, LogEvent.WORKER_STARTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The targets of a disturbance: the farm, its services, and the ids of running jobs."""

    rig: Rig
    lease: float
    outage: Callable[[str, float], None]
    running: Callable[[], list[str]]


class Disturber:
    """Disturbs a farm from a thread of its own, until `stop`."""

    def __init__(self, seed: int, scene: Scene, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._dice, self._scene, self._ledger, self._clock = random.Random(seed), scene, ledger, clock
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disturber")
        self._end: Future[None] | None = None
        self.canceled: set[str] = set()
        self.invalid_messages = 0

    def start(self) -> None:
        """Start the thread."""
        self._end = self._thread.submit(self._disturb)

    def stop(self) -> None:
        """Stop; stopped processes have continued by then. Raises an error of the disturbances themselves."""
        self._stopping.set()
        self._thread.shutdown()
        if self._end is not None:
            self._end.result()

    def _disturb(self) -> None:
        kinds: list[tuple[int, Callable[[], None]]] = [
            (6, self._kill_a_worker),
            (2, self._kill_all_workers),
            (4, self._terminate_a_worker),
            (4, self._hold_a_worker_past_its_lease),
            (4, self._kill_blender),
            (3, self._crash_blender),
            (3, self._hang_blender),
            (3, self._send_an_invalid_message),
            (2, self._cancel_a_job),
            (2, self._kill_the_functions),
            (4, self._interrupt_a_service),
        ]
        weights = [weight for weight, _ in kinds]
        while not self._stopping.wait(self._dice.uniform(OFTEN, SELDOM)):
            (_, disturb) = self._dice.choices(kinds, weights=weights)[0]
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                disturb()

    def _note(self, kind: str, to: object, *, job_id: str | None = None, result: str = "") -> None:
        self._ledger.note(kind, str(to), at=self._clock(), job_id=job_id, result=result)

    def _worker(self) -> int:
        workers = self._scene.rig.farm.workers
        if not workers:
            raise ProcessLookupError
        return self._dice.choice(workers)

    def _signal(self, kind: str, pid: int, number: signal.Signals, *, worker: int | None = None) -> None:
        """Send a signal to a worker, or to a child process of `worker`."""
        job_id = self._job_of(pid if worker is None else worker)
        os.kill(pid, number)
        self._note(kind, pid, job_id=job_id, result="worker was idle")

    def _job_of(self, worker: int) -> str | None:
        """Return the job of a worker, by the last line of its log; None for an idle worker."""
        name = psutil.Process(worker).environ()["WORKER_NAME"]
        lines = (self._scene.rig.farm.work_dir / f"{name}.log").read_text(errors="replace").splitlines()
        last: dict[str, str] = next((json.loads(line) for line in reversed(lines) if line.startswith("{")), {})
        return None if last.get("event") in _DONE else last.get("job_id")

    def _kill_a_worker(self) -> None:
        self._signal("worker killed", self._worker(), signal.SIGKILL)

    def _kill_all_workers(self) -> None:
        for worker in self._scene.rig.farm.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self._note("all workers killed", "")

    def _terminate_a_worker(self) -> None:
        self._signal("worker terminated", self._worker(), signal.SIGTERM)

    def _hold_a_worker_past_its_lease(self) -> None:
        worker = self._worker()
        self._signal("worker stopped past its lease", worker, signal.SIGSTOP)
        self._stopping.wait(self._scene.lease * 1.5)
        os.kill(worker, signal.SIGCONT)

    def _kill_blender(self) -> None:
        self._signal_blender("Blender killed", signal.SIGKILL)

    def _crash_blender(self) -> None:
        self._signal_blender("Blender crashed", signal.SIGSEGV)

    def _hang_blender(self) -> None:
        self._signal_blender("Blender stopped for good", signal.SIGSTOP)

    def _signal_blender(self, kind: str, number: signal.Signals) -> None:
        worker = self._worker()
        children = psutil.Process(worker).children()
        if not children:
            raise ProcessLookupError
        self._signal(kind, children[0].pid, number, worker=worker)

    def _send_an_invalid_message(self) -> None:
        kind = self._dice.choice(sorted(INVALID_MESSAGES))
        self._scene.rig.sqs.send_message(QueueUrl=self._scene.rig.stack.chunk_queue, MessageBody=INVALID_MESSAGES[kind])
        self.invalid_messages += 1
        self._note(kind, "", result="left to the dead-letter queue")

    def _kill_the_functions(self) -> None:
        runtimes = self._scene.rig.runtimes()
        for runtime in runtimes:
            with contextlib.suppress(psutil.NoSuchProcess):
                runtime.kill()
        self._note("functions killed", f"{len(runtimes)} processes", result="called again when needed")

    def _cancel_a_job(self) -> None:
        running = self._scene.running()
        if running:
            job_id = self._dice.choice(running)
            self.canceled.add(job_id)
            self._scene.rig.jobs.stop(job_id, reason="chaos")
            self._note("job canceled", job_id, job_id=job_id)

    def _interrupt_a_service(self) -> None:
        service = self._dice.choice(["s3", "sqs", "states"])
        seconds = self._dice.uniform(*OUTAGE)
        self._scene.outage(service, seconds)
        self._note("service interrupted", f"{service} for {seconds:.1f} s", result=f"{service} recovered")


def reported_invalid_messages(log: str) -> int:
    """Return the number of invalid messages in the log of the farm's functions."""
    found = 0
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            record: Any = json.loads(line[line.index("{") :])
            found += record.get("message") == "A message in the dead-letter queue is not one of this version"
    return found
