"""Kills a worker before and after each of its calls to AWS.

Between two calls a worker changes only its own disk, so these moments cover all states that other parts can see.
"""

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from frameloom.local.local_farm import WORKER_VARIABLES, LocalFarm
from frameloom.model.job_status import JobStatus
from tests.chaos import invariants
from tests.chaos.proxy import Answer, Call, Forward, Gone, Proxy
from tests.e2e.rig import Rig, wait
from tests.scenes import make_scene

LEASE = 1
# The number of these calls depends on the worker's speed: log batches and lease renewals. The first always comes.
BY_THE_CLOCK = {"SendMessage", "ChangeMessageVisibility", "SendTaskHeartbeat"}
CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The n-th call of an operation during a chunk; `done` kills the worker after it, otherwise before."""

    name: str
    number: int
    done: bool


class Killer:
    """Kills the worker at a call; a treatment of the proxy."""

    def __init__(self) -> None:
        self.victim: subprocess.Popen[bytes] | None = None
        self._place: Place | None = None
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def kill_at(self, place: Place | None) -> None:
        """Kill at this call, or at none; calls are counted from now on."""
        with self._lock:
            self._place = place
            self._counts.clear()

    def calls(self) -> dict[str, int]:
        """Return the number of calls by operation."""
        with self._lock:
            return dict(self._counts)

    def __call__(self, call: Call, forward: Forward) -> Answer:
        """Treat a call."""
        if call.name == "ReceiveMessage":
            # An empty receive is not counted.
            answer = forward(call)
            if b'"Body"' in answer.body and self._is_here(call, done=True):
                self._kill()
            return answer
        if self._is_here(call, done=None):
            if self._place is not None and self._place.done:
                forward(call)
            self._kill()
        return forward(call)

    def _is_here(self, call: Call, *, done: bool | None) -> bool:
        with self._lock:
            self._counts[call.name] += 1
            place = self._place
            here = place is not None and (place.name, place.number) == (call.name, self._counts[call.name])
            return here and done in (None, place is not None and place.done)

    def _kill(self) -> None:
        assert self.victim is not None
        self.victim.kill()
        self.victim.wait()
        self.kill_at(None)
        raise Gone


class Crew:
    """Runs one worker at a time, each under its own name, with calls through the proxy."""

    def __init__(self, farm: LocalFarm, proxy: Proxy, killer: Killer, folder: Path) -> None:
        self._farm, self._proxy, self._killer, self._folder = farm, proxy, killer, folder
        self._count = 0

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the next worker, which the killer may kill."""
        self._count += 1
        name = f"worker-{self._count}"
        environment = {
            **os.environ,
            **self._farm.environment,
            **{variable: self._farm.outputs[output] for variable, output in WORKER_VARIABLES.items()},
            "AWS_ENDPOINT_URL": self._proxy.url,
            "LEASE_SECONDS": str(LEASE),
            "SCRATCH_DIR": str(self._folder / invariants.SCRATCH),
            "WORKER_NAME": name,
        }
        with (self._folder / "farm" / f"{name}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.numbering_worker"], cwd=CHECKOUT, env=environment, stderr=log
            )
        self._killer.victim = worker
        return worker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / invariants.SCRATCH).mkdir()
    return tmp_path


@pytest.fixture
def farm(folder: Path) -> Iterator[LocalFarm]:
    with LocalFarm(workers=0, work_dir=folder / "farm") as farm:
        yield farm


@pytest.mark.timeout(600)
def test_a_worker_that_is_killed_at_any_of_its_calls_costs_no_frame(farm: LocalFarm, folder: Path) -> None:
    rig, killer = Rig(farm, folder / "calls"), Killer()

    def start(stem: str, number: int) -> str:
        # Another file with the same pictures each time, since a worker caches scenes.
        scene = make_scene(folder / "scene.blend", frames=(1, 2), objects=number)
        rig.upload_quietly(scene, f"{stem}.blend")
        return rig.start(file=f"{stem}.blend", output="frames", chunk_size=2)

    with Proxy(killer) as proxy:
        proxy.forward_to(farm.environment)
        crew = Crew(farm, proxy, killer, folder)
        worker = crew.start()
        try:
            assert rig.end_of(start("undisturbed", 0)).status is JobStatus.SUCCEEDED
            wait(lambda: "DeleteMessage" in killer.calls(), "the worker to be done")
            expected = invariants.pixels(rig, "undisturbed")
            places = [
                Place(name=name, number=number, done=done)
                for name, count in sorted(killer.calls().items())
                for number in range(1, 1 + (1 if name in BY_THE_CLOCK else count))
                for done in ((True,) if name == "ReceiveMessage" else (False, True))
            ]
            for number, place in enumerate(places, start=1):
                killer.kill_at(place)
                job_id = start(f"killed-{number}", number)
                wait(lambda worker=worker: worker.poll() is not None, f"a worker to come to {place}")  # type: ignore[misc]
                worker = crew.start()
                execution = rig.end_of(job_id)
                assert execution.status is JobStatus.SUCCEEDED, (place, execution.cause)
                assert invariants.pixels(rig, f"killed-{number}") == expected, place
            assert len(places) >= 15
            assert [*invariants.of_queues(rig, folder, invalid=0), *invariants.of_buckets(rig)] == []
            assert [*invariants.of_logs(rig, folder), *invariants.of_disk(folder, workers=1)] == []
        finally:
            worker.terminate()
            worker.wait()
    assert list((folder / invariants.SCRATCH).iterdir()) == []
