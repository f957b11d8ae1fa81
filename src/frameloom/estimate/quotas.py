"""The quotas that a job meets: AWS' own, Kubernetes', and the farm's.

quotas.json holds each quota as of a stored copy of its source, read on 2026-11-25; this module works out its use by a
job. AWS' documentation gives the limits of an established account; a new account starts with lower ones.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, TypeAdapter

from frameloom.estimate.aws_requests import HEARTBEAT
from frameloom.estimate.job_estimate import CALL, ENCODE_FRAME, FIRST_WORKER, STORE_LOG, WORKERS_A_SECOND, Estimate
from frameloom.services.storage.object_io import PART_BYTES, part_bytes
from frameloom.services.verify_frames import AT_ONCE

DAY = 86_400
# Bytes of a chunk's message: its token has at most 1,024, the scene's key 1,024, and the rest is settings and frames.
MESSAGE_BYTES = 4 * 1024
# Cores of a worker's machine. Addresses of a node of Auto Mode: its own and a block of sixteen.
CORES, ADDRESSES = 4, 17
# Concurrent calls of CollectLogs in template.yaml.
COLLECTORS = 20
# Bytes on PrepareJob's disk: a compressed scene of 100 MB and its uncompressed copy.
SCENE_ON_DISK = 200_000_000
# GET requests of a new worker that downloads that scene in ranges.
SCENE_GETS = 14
# Workers on the pool's largest machine, of 32 vCPU.
PODS_OF_A_NODE = 9


class Quota(BaseModel):
    """A limit, and how a job stays below it.

    Attributes:
        id: the key of its use in `USE`.
        limit: the default, in `unit`.
        adjustable: whether it can be raised: AWS' by a request, ours by a parameter.
        step: the step of a job that meets it.
        design: how the farm stays below it, or the remedy where it does not.
        source: a page, or a file of this repository.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    limit: float
    unit: str = ""
    adjustable: bool
    step: str
    design: str
    source: str

    def used(self, job: Estimate) -> float:
        """Return the part of the limit that a job needs, in `unit`."""
        return USE[self.id](job)

    def exceeded_by(self, job: Estimate) -> bool:
        """Return whether a job needs more than the limit."""
        return self.used(job) > self.limit


def busy(job: Estimate) -> int:
    """Return the number of workers that render at the same time."""
    return min(job.started_workers, job.case.workers)


def longest_first_wait(job: Estimate) -> float:
    """Return the seconds that the last of the first messages waits, until the last worker has started."""
    return FIRST_WORKER + job.started_workers / WORKERS_A_SECOND


def _ended_chunks(job: Estimate) -> float:
    """Return the chunks that end in a second: the average, and at least the workers that start in one."""
    return max(job.chunks / job.fleet.wall, min(WORKERS_A_SECOND, job.started_workers))


def _log_batches(job: Estimate) -> float:
    return busy(job) / job.case.seconds + _ended_chunks(job)


def _lambdas(job: Estimate) -> float:
    return max(min(job.segments, AT_ONCE), min(COLLECTORS, _log_batches(job) * STORE_LOG))


def _upload_parts(job: Estimate) -> float:
    return 1 + math.ceil(max(0, job.film_bytes - PART_BYTES) / part_bytes(job.film_bytes))


USE: Mapping[str, Callable[[Estimate], float]] = {
    "execution_events": lambda job: job.requests.parent_events,
    "state_bytes": lambda job: job.requests.state_bytes,
    "map_children": busy,
    "map_runs": lambda _: 1,
    "open_executions": lambda job: busy(job) + 1,
    # A Map starts about 100 children a second.
    "transitions": lambda job: min(100.0, job.chunks),
    "send_task_heartbeat": lambda job: busy(job) / HEARTBEAT.total_seconds() + _ended_chunks(job),
    "send_task_success": _ended_chunks,
    "start_execution": lambda _: 1,
    "execution_days": lambda job: job.wall / DAY,
    "log_retention": lambda job: job.wall / DAY,
    "concurrent_lambdas": _lambdas,
    "concurrent_lambdas_new_account": _lambdas,
    "encode_seconds": lambda job: CALL + ENCODE_FRAME * math.ceil(job.case.frames / job.segments),
    "stitch_seconds": lambda job: job.function_seconds["StitchVideoFunction"],
    "log_job_seconds": lambda job: job.function_seconds["LogJobFunction"],
    "lambda_disk": lambda _: SCENE_ON_DISK,
    "lambda_response": lambda job: job.requests.state_bytes,
    "s3_puts": lambda job: busy(job) / job.case.seconds,
    "s3_gets": lambda job: max(
        SCENE_GETS * min(WORKERS_A_SECOND, job.started_workers), min(job.segments, AT_ONCE) / ENCODE_FRAME
    ),
    "s3_parts": _upload_parts,
    "s3_object_bytes": lambda job: job.film_bytes,
    "sqs_in_flight": busy,
    "sqs_message_bytes": lambda _: MESSAGE_BYTES,
    "sqs_visibility": lambda job: max(map(max, job.sizes)) * job.case.seconds,
    "sqs_retention": longest_first_wait,
    "queue_timeout": longest_first_wait,
    "put_log_events": _log_batches,
    "put_events": lambda _: 1,
    "vcpu": lambda job: CORES * busy(job),
    "addresses": lambda job: ADDRESSES * busy(job),
    "nodes": busy,
    "pods_of_a_node": lambda _: PODS_OF_A_NODE,
}

QUOTAS: Sequence[Quota] = TypeAdapter(list[Quota]).validate_json(
    files(__package__).joinpath("quotas.json").read_bytes()
)
