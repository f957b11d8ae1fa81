"""Plain moto that runs only the distributed Map of a render job: the baseline of the local farm.

The definition is the Map of statemachine/render_job.asl.json, and the worker is the same instant worker.
"""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from benchmarks.instant_farm import COMMAND, ROOT, WORKERS, Run, client, run, until
from frameloom.local.environment import farm_environment, without_aws
from frameloom.local.local_farm import WORKER_KEY
from frameloom.model import keys
from frameloom.model.job import Limits, OutputRef, SceneRef
from frameloom.model.messages import ChunkSpec
from frameloom.model.rounds import FIRST
from frameloom.model.settings import RenderSettings

DEFINITION = ROOT / "statemachine/render_job.asl.json"
# moto does not check it.
ROLE = "arn:aws:iam::123456789012:role/map"
FRAMES, LOGS, QUEUE = "frames", "logs", "chunks"


class BareMoto:
    """A moto server with the Map, and an instant worker; a context manager."""

    def __init__(self) -> None:
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        """Start the server and the worker."""
        with ExitStack() as parts:
            port = _free_port()
            environment = farm_environment(f"http://127.0.0.1:{port}", secret="none")  # noqa: S106  moto takes any
            # Tasks of state machines call other services on this port.
            server = {**without_aws(os.environ), **environment, "MOTO_PORT": str(port)}
            del server["AWS_ENDPOINT_URL"]
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            parts.callback(_end, subprocess.Popen(command, env=server, stderr=subprocess.DEVNULL))
            until(lambda: _configured(port), "moto to answer")
            self._states, self._s3, sqs = (client(environment, name) for name in ("stepfunctions", "s3", "sqs"))
            for bucket in (FRAMES, LOGS):
                self._s3.create_bucket(Bucket=bucket)
            queue = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
            made = self._states.create_state_machine(name="map", definition=definition(queue), roleArn=ROLE)
            self._machine = made["stateMachineArn"]
            worker = {**os.environ, **environment, "AWS_ACCESS_KEY_ID": WORKER_KEY}
            worker |= {"CHUNK_QUEUE_URL": queue, "LOG_BUCKET": LOGS}
            parts.callback(_end, subprocess.Popen(COMMAND, cwd=ROOT, env=worker))
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server and the worker."""
        self._parts.close()

    def run(self, chunks: int) -> Run:
        """Run the Map over `chunks` chunks of one frame each."""
        job = f"bare-{uuid4()}"
        specs = [ChunkSpec(chunk_id=keys.chunk_id(FIRST, index), frames=str(index + 1)) for index in range(chunks)]
        key = keys.chunks_key(job, FIRST)
        self._s3.put_object(Bucket=LOGS, Key=key, Body=json.dumps([spec.to_json() for spec in specs]).encode())
        return run(self._states, self._machine, state(job, key), name=job)


def definition(queue: str) -> str:
    """Return a state machine of the Map alone."""
    text = DEFINITION.read_text(encoding="utf-8").replace("${ChunkQueueUrl}", queue).replace("${LogBucketName}", LOGS)
    render = json.loads(text)["States"]["RenderChunks"]
    alone = {name: value for name, value in render.items() if name not in ("Next", "Catch")}
    return json.dumps({"StartAt": "RenderChunks", "States": {"RenderChunks": {**alone, "End": True}}})


def state(job_id: str, key: str) -> dict[str, Any]:
    """Return the Map's input."""
    limits = Limits(max_workers=WORKERS, queue_timeout=14_400, chunk_timeout=43_200)
    return {
        "job_id": job_id,
        "plan": {"bucket": LOGS, "key": key},
        "scene": SceneRef(bucket="scenes", key="shot.blend", digest="").to_json(),
        "output": OutputRef(bucket=FRAMES, prefix=keys.frames_prefix("shot.blend", job_id)).to_json(),
        "settings": RenderSettings().to_json(),
        "limits": limits.to_json(),
    }


def _configured(port: int) -> bool:
    """Configure moto to execute state machines; return whether it answers."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/moto-api/config",
        data=json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with suppress(OSError), urllib.request.urlopen(request) as answer:  # noqa: S310  http, to this machine
        return bool(answer.status < 300)
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _end(part: "subprocess.Popen[bytes]") -> None:
    part.kill()
    part.wait()
