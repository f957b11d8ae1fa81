"""Measures the time and the memory of planning a million frames, in a process of its own.

python -m benchmarks.plan_million [--present none|tenth|half|most] [--latency MS] [--chunk-size N] [--workers N]

boto3 lists the rendered frames over HTTP, a thousand a call, from a server process that answers after --latency. The
default of 60 ms is an assumption about S3.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

from frameloom.aws.clients import CONFIG
from frameloom.aws.store import S3Store
from frameloom.estimate.fleet_simulation import simulated_job
from frameloom.model import keys
from frameloom.model.frames import MAX_FRAMES
from frameloom.model.rounds import FIRST
from frameloom.model.timings import Timings
from frameloom.services.plan_chunks import plan
from frameloom.services.storage.ports import Buckets, StoredObject
from frameloom.testing import MemoryStore

BUCKETS = Buckets(scenes="scenes", frames="frames", logs="logs")


# The rendered part of the frames; `most` lacks one in a thousand.
PARTS = {"none": 0.0, "tenth": 0.1, "half": 0.5, "most": 0.999}


class ListedStore(MemoryStore):
    """A store that lists frames over HTTP, and holds everything else in memory."""

    def __init__(self, port: int) -> None:
        super().__init__()
        session = boto3.Session("key", "secret", region_name="eu-central-1")
        self._listed = S3Store(session.client("s3", config=CONFIG, endpoint_url=f"http://127.0.0.1:{port}"))

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the rendered frames."""
        return self._listed.list(bucket, prefix, after=after)


@contextmanager
def listed_store(prefix: str, part: float, latency: float) -> Iterator[ListedStore]:
    """Yield a store with `part` of a million frames below `prefix`, where a call takes `latency` seconds."""
    command = [sys.executable, "-m", "benchmarks.slow_s3", prefix, str(part), str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None:
                raise SystemExit("The server of the listing printed no port.")
            yield ListedStore(int(server.stdout.readline()))
        finally:
            server.kill()


def most_memory() -> float:
    """Return the peak memory of this process, in MiB.

    On Linux, `ru_maxrss` includes the memory of the process that this one was forked from; `VmHWM` does not.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        # macOS, in bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Print the figures of a plan, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan_million", description=__doc__)
    parser.add_argument("--present", choices=PARTS, default="none", help="rendered part of the frames (default none)")
    parser.add_argument("--latency", type=float, default=60, help="milliseconds of a LIST request (default 60)")
    parser.add_argument("--chunk-size", type=int, help="the request's chunk_size")
    parser.add_argument("--workers", type=int, default=10_000, help="the job's max_workers (default 10000)")
    arguments = parser.parse_args()
    job = simulated_job(MAX_FRAMES, arguments.workers)
    job = job.model_copy(update={"chunk_size": arguments.chunk_size})
    known = Timings(start=2.0, frames={str(frame): 60.0 for frame in range(0, MAX_FRAMES, 10_000)})
    with listed_store(job.outputs.prefix, PARTS[arguments.present], arguments.latency / 1000) as store:
        for key, document in (
            (keys.manifest_key(job.job_id), job.to_json()),
            (keys.timings_key(job.outputs.prefix), known.to_json()),
        ):
            store.put(BUCKETS.logs, key, json.dumps(document).encode())
        begun, spent = time.monotonic(), time.process_time()
        planned = plan(job.job_id, FIRST, store=store, buckets=BUCKETS)
        seconds, spent = time.monotonic() - begun, time.process_time() - spent
        listed = store.get(planned["bucket"], planned["key"]) or b""
    figures = {"seconds": round(seconds, 1), "cpu_seconds": round(spent, 1), "mib": round(most_memory())}
    print(json.dumps({**figures, "chunks": planned["count"], "list_bytes": len(listed)}))


if __name__ == "__main__":
    main()
