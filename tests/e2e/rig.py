"""A whole local farm for tests, reached as any client of AWS would reach it."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import boto3
import psutil

from frameloom.aws.executions import JobExecutions
from frameloom.aws.stack import stack_of
from frameloom.aws.store import S3Store
from frameloom.local.local_farm import LocalFarm
from frameloom.model import keys
from frameloom.model.log_event import LogEvent
from frameloom.services.storage.ports import Execution

PATIENCE = 90.0


class Rig:
    """A running farm, its clients, and the file of all calls made to it."""

    def __init__(self, farm: LocalFarm, calls: Path) -> None:
        environment = farm.environment
        session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        self.farm, self.calls = farm, calls

        def client(service: Any) -> Any:
            return session.client(service, endpoint_url=farm.endpoint)

        self.s3, self.states, self.sqs, self.functions = map(client, ("s3", "stepfunctions", "sqs", "lambda"))
        self.stacks = client("cloudformation")
        self.stack = stack_of(farm.outputs, name="local")
        # A client of its own: the farm's store lists without times, which tests need.
        self.store = S3Store(client("s3"))
        self.jobs = JobExecutions(self.stack.machine, self.states)

    def upload(self, scene: Path, key: str, **metadata: str) -> None:
        """Upload a scene as any S3 client would; without metadata of our own it starts a job."""
        self.s3.upload_file(str(scene), self.stack.buckets.scenes, key, ExtraArgs={"Metadata": metadata})

    def upload_quietly(self, scene: Path, key: str) -> None:
        """Upload a scene whose job the test starts itself."""
        self.upload(scene, key, **{"frameloom-start": "no"})

    def start(self, **request: Any) -> str:
        """Start a job as the console does, and return its id."""
        job_id = f"test-{uuid4()}"
        self.states.start_execution(stateMachineArn=self.stack.machine, name=job_id, input=json.dumps(request))
        return job_id

    def end_of(self, job_id: str) -> Execution:
        """Wait for a job's end."""

        def ended() -> Execution | None:
            execution = self.jobs.describe(job_id)
            assert execution is not None
            return execution if execution.status.ended else None

        return wait(ended, f"the end of {job_id}")

    def run(self, **request: Any) -> Execution:
        """Run a job to its end."""
        return self.end_of(self.start(**request))

    def frames(self, stem: str) -> list[int]:
        """Return the numbers of all frames of a scene that are in S3."""
        found = self.store.list(self.stack.buckets.frames, f"{stem}/")
        return sorted(int(Path(stored.key).stem) for stored in found)

    def frame_writes(self, stem: str) -> dict[str, Any]:
        """Return when each frame of a scene was written: it changes when a frame is rendered again."""
        found = self.s3.list_objects_v2(Bucket=self.stack.buckets.frames, Prefix=f"{stem}/").get("Contents", [])
        return {stored["Key"]: stored["LastModified"] for stored in found}

    def report(self, job_id: str) -> dict[str, Any]:
        """Return a job's report."""
        document: dict[str, Any] = json.loads(self.store.get(self.stack.buckets.logs, keys.report_key(job_id)) or b"")
        return document

    def wait_for_report(self, job_id: str) -> dict[str, Any]:
        """Wait for the report of a job that was stopped, which is written when its end is known, and return it."""
        wait(lambda: self.store.head(self.stack.buckets.logs, keys.report_key(job_id)), f"a report of {job_id}")
        return self.report(job_id)

    def log(self, job_id: str) -> list[dict[str, Any]]:
        """Return the workers' log records of a job so far."""
        parts = self.store.list(self.stack.buckets.logs, keys.logs_prefix(job_id))
        texts = [(self.store.get(self.stack.buckets.logs, part.key) or b"").decode() for part in parts]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def wait_for_log(self, job_id: str, event: LogEvent) -> dict[str, Any]:
        """Wait until a worker has logged `event` of a job, and return the record."""

        def logged() -> dict[str, Any] | None:
            return next((record for record in self.log(job_id) if record.get("event") == event), None)

        return wait(logged, f"{event} in the log of {job_id}")

    def queue_is_empty(self) -> bool:
        """Return whether the chunk queue holds nothing, neither waiting nor leased."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.stack.chunk_queue, AttributeNames=names)["Attributes"]
        return all(found[name] == "0" for name in names)

    def runtimes(self) -> list[psutil.Process]:
        """Return the processes of the functions: children of the process that forks them."""
        wanted = {str(self.farm.work_dir), "frameloom.local.emulator"}
        (emulator,) = (part for part in psutil.Process().children() if wanted <= set(part.cmdline()))
        return [runtime for server in emulator.children() for runtime in server.children()]


Found = TypeVar("Found")


def wait(condition: Callable[[], Found | None], what: str, *, patience: float = PATIENCE) -> Found:
    """Wait until `condition` gives something, and return that."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {patience:.0f} s in vain for {what}")
