"""Plans a million frames as PlanChunks does, in a process of its own: seconds of CPU, and the most memory that it held.

python -m benchmarks.plan_million [--present none|half] [--chunk-size N] [--workers N]

What S3 takes to list the frames that are there is not in it: a page for each thousand of them.
"""

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.fleet import Row
from frameloom.model import keys
from frameloom.model.frames import MAX_FRAMES
from frameloom.model.job import Job
from frameloom.model.timings import Timings
from frameloom.services.memory import MemoryStore
from frameloom.services.plan import plan
from frameloom.services.ports import Buckets, StoredObject
from frameloom.services.rounds import FIRST

BUCKETS = Buckets(scenes="scenes", frames="frames", logs="logs")


class ListedStore(MemoryStore):
    """A store whose frames exist in its listing alone: what S3 holds is not in the function's memory."""

    def __init__(self, job: Job, present: float) -> None:
        super().__init__()
        source = random.Random(1)  # noqa: S311  nothing here is secret
        self._job, self._there = job, bytearray(source.random() < present for _ in range(MAX_FRAMES))

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the frames that are there, as S3 would list them."""
        del bucket, prefix, after
        for frame, there in enumerate(self._there):
            if there:
                yield StoredObject(key=self._job.frame_key(frame), size=1)


def most_memory() -> float:
    """Return the most MiB that this process has held.

    Linux counts into `ru_maxrss` what the process held that this one was forked from, which `VmHWM` does not.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        # macOS, in bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Print what the plan took, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan_million", description=__doc__)
    parser.add_argument("--present", choices=["none", "half"], default="none", help="frames that are rendered already")
    parser.add_argument("--chunk-size", type=int, help="as the request may ask for")
    parser.add_argument("--workers", type=int, default=10_000, help="the job's max_workers")
    arguments = parser.parse_args()
    job = Row(frames=MAX_FRAMES, workers=arguments.workers).job()
    job = job.model_copy(update={"chunk_size": arguments.chunk_size})
    store = ListedStore(job, 0.5 if arguments.present == "half" else 0.0)
    known = Timings(start=2.0, frames={str(frame): 60.0 for frame in range(0, MAX_FRAMES, 10_000)})
    for key, document in (
        (keys.manifest_key(job.job_id), job.to_json()),
        (keys.timings_key(job.outputs.prefix), known.to_json()),
    ):
        store.put(BUCKETS.logs, key, json.dumps(document).encode())
    begun = time.process_time()
    planned = plan(job.job_id, FIRST, store=store, buckets=BUCKETS)
    json.dump(_figures(store, planned, time.process_time() - begun), sys.stdout)


def _figures(store: MemoryStore, planned: dict[str, Any], seconds: float) -> dict[str, Any]:
    size = len(store.get(planned["bucket"], planned["key"]) or b"")
    # Linux counts in KiB.
    most = most_memory()
    return {"cpu_seconds": round(seconds, 1), "mib": round(most), "chunks": planned["count"], "list_bytes": size}


if __name__ == "__main__":
    main()
