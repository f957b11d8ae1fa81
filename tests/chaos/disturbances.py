"""What befalls workers, messages and jobs, at times that a seed decides."""

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

from tests.chaos.ledger import Ledger
from tests.e2e.rig import Rig

# Between two disturbances, in seconds: workers need some to render anything at all.
SELDOM, OFTEN = 4.0, 1.5
# How long a service is away at a time, in seconds.
OUTAGE = (1.0, 6.0)

STRANGE = {
    "a message that is no JSON": "\x7b not JSON",
    "a message of another version": json.dumps({"version": 2, "job_id": "strange", "chunk_id": "1-000000"}),
    "a message that lacks all": "{}",
}

# After one of these lines a worker holds no chunk.
_DONE = {"Chunk finished", "Chunk failed", "Chunk given up", "Worker started"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a disturbance may reach: the farm, its outages, the ids of jobs that run."""

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
        self.strange = 0

    def start(self) -> None:
        """Begin."""
        self._end = self._thread.submit(self._disturb)

    def stop(self) -> None:
        """Let be; what was stopped goes on. Raises what went wrong with the disturbances themselves."""
        self._stopping.set()
        self._thread.shutdown()
        if self._end is not None:
            self._end.result()

    def _disturb(self) -> None:
        kinds: list[tuple[int, Callable[[], None]]] = [
            (6, self._kill_a_worker),
            (2, self._kill_all_workers),
            (4, self._tell_a_worker_to_go),
            (4, self._hold_a_worker_past_its_lease),
            (4, self._kill_blender),
            (3, self._crash_blender),
            (3, self._hang_blender),
            (3, self._send_something_strange),
            (2, self._cancel_a_job),
            (2, self._kill_the_functions),
            (4, self._take_a_service_away),
        ]
        weights = [weight for weight, _ in kinds]
        while not self._stopping.wait(self._dice.uniform(OFTEN, SELDOM)):
            (_, disturb) = self._dice.choices(kinds, weights=weights)[0]
            with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                disturb()

    def _note(self, kind: str, to: object, *, job_id: str | None = None, fate: str = "") -> None:
        self._ledger.note(kind, str(to), at=self._clock(), job_id=job_id, fate=fate)

    def _worker(self) -> int:
        workers = self._scene.rig.farm.workers
        if not workers:
            raise ProcessLookupError
        return self._dice.choice(workers)

    def _signal(self, kind: str, pid: int, number: signal.Signals, *, worker: int | None = None) -> None:
        """Send a signal to a worker, or to what `worker` has started."""
        job_id = self._job_of(pid if worker is None else worker)
        os.kill(pid, number)
        self._note(kind, pid, job_id=job_id, fate="with nothing to do")

    def _job_of(self, worker: int) -> str | None:
        """Return the job that a worker works on, by the last line of its log; None where it has nothing to do."""
        name = psutil.Process(worker).environ()["WORKER_NAME"]
        lines = (self._scene.rig.farm.work_dir / f"{name}.log").read_text(errors="replace").splitlines()
        last: dict[str, str] = next((json.loads(line) for line in reversed(lines) if line.startswith("{")), {})
        return None if last.get("message") in _DONE else last.get("job_id")

    def _kill_a_worker(self) -> None:
        self._signal("worker killed", self._worker(), signal.SIGKILL)

    def _kill_all_workers(self) -> None:
        for worker in self._scene.rig.farm.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        self._note("all workers killed", "")

    def _tell_a_worker_to_go(self) -> None:
        self._signal("worker told to go", self._worker(), signal.SIGTERM)

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

    def _send_something_strange(self) -> None:
        kind = self._dice.choice(sorted(STRANGE))
        self._scene.rig.sqs.send_message(QueueUrl=self._scene.rig.stack.chunk_queue, MessageBody=STRANGE[kind])
        self.strange += 1
        self._note(kind, "", fate="left to the dead-letter queue")

    def _kill_the_functions(self) -> None:
        runtimes = self._scene.rig.runtimes()
        for runtime in runtimes:
            with contextlib.suppress(psutil.NoSuchProcess):
                runtime.kill()
        self._note("functions killed", f"{len(runtimes)} processes", fate="called again when needed")

    def _cancel_a_job(self) -> None:
        running = self._scene.running()
        if running:
            job_id = self._dice.choice(running)
            self.canceled.add(job_id)
            self._scene.rig.jobs.stop(job_id, reason="chaos")
            self._note("job canceled", job_id, job_id=job_id)

    def _take_a_service_away(self) -> None:
        service = self._dice.choice(["s3", "sqs", "states"])
        seconds = self._dice.uniform(*OUTAGE)
        self._scene.outage(service, seconds)
        self._note("service away", f"{service} for {seconds:.1f} s", fate=f"{service} came back")


def strange_messages(log: str) -> int:
    """Return how many messages the farm's functions called strange, by their log."""
    found = 0
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            record: Any = json.loads(line[line.index("{") :])
            found += record.get("message") == "A message in the dead-letter queue is not a chunk"
    return found
