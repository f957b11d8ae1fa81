"""A local farm with an instant worker, and the AWS requests of a job on it, counted on the wire."""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import boto3
import psutil

from frameloom.estimate.aws_requests import S3Requests
from frameloom.local.environment import SOMEBODY
from frameloom.local.local_farm import WORKER_KEY, LocalFarm
from frameloom.model.request import START, START_NO

ROOT = Path(__file__).parent.parent
SCENE = ROOT / "examples/rolling_ball.blend"
COMMAND = (sys.executable, "-m", "benchmarks.instant_worker")
# Concurrent chunks, here and on bare moto.
WORKERS = 40
# Seconds between two polls of an execution, and the timeout of one.
POLL, TIMEOUT = 0.05, 1800.0

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution: its final status, its seconds, and its history."""

    status: str
    seconds: float
    events: list[dict[str, Any]]

    @property
    def transitions(self) -> int:
        """The number of states that it entered."""
        return sum(event["type"].endswith("StateEntered") for event in self.events)

    @property
    def state_bytes(self) -> int:
        """The largest input or output of a state."""
        details = [found for event in self.events for name, found in event.items() if name.endswith("EventDetails")]
        return max(len(found.get(name, "").encode()) for found in details for name in ("input", "output"))

    @property
    def map_seconds(self) -> float:
        """The seconds of its distributed Map."""
        at = {event["type"]: event["timestamp"] for event in self.events}
        taken: float = (at["MapRunSucceeded"] - at["MapRunStarted"]).total_seconds()
        return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The AWS requests of a run, by caller: functions, log collector, workers, and Step Functions itself."""

    s3: Mapping[str, S3Requests]
    others: Mapping[tuple[str, str], int]

    @classmethod
    def of(cls, lines: list[str]) -> Self:
        """Return the requests in lines of the emulator's record."""
        s3: dict[str, S3Requests] = {who: S3Requests() for who in ("functions", "logs", "workers", "service")}
        others: Counter[tuple[str, str]] = Counter()
        for call in map(json.loads, lines):
            who = _who(call["principal"])
            if who is None:
                continue
            if call["service"] == "s3":
                s3[who] += _request(call)
            elif call["service"] == "lambda":
                # arn:...:function:<stack>-<logical name>-<made up>
                name = call["uri"].rsplit("/", 2)[-2].rsplit("%3A", 1)[-1]
                others[who, name.split("-")[-2]] += 1
            else:
                others[who, call["headers"].get("x-amz-target", call["service"]).rsplit(".", 1)[-1]] += 1
        return cls(s3=s3, others=others)


class InstantFarm:
    """A local farm with an instant worker and an uploaded scene; a context manager.

    Args:
        counts: whether the emulator records each call, which slows it a little.
        worker: the command of the worker.
    """

    def __init__(self, *, counts: bool, worker: tuple[str, ...] = COMMAND) -> None:
        self._parts = ExitStack()
        self._counts, self._worker, self._renders = counts, worker, 0

    def __enter__(self) -> Self:
        """Start the farm, and upload a scene."""
        with ExitStack() as parts:
            folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
            self._calls = folder / "calls"
            record = self._calls if self._counts else None
            self.farm = parts.enter_context(LocalFarm(workers=1, worker_command=self._worker, record=record))
            self._states, s3 = (client(self.farm.environment, name) for name in ("stepfunctions", "s3"))
            self.machine, self.scenes = (self.farm.outputs[name] for name in ("StateMachineArn", "ScenesBucketName"))
            s3.upload_file(str(SCENE), self.scenes, SCENE.name, ExtraArgs={"Metadata": {START: START_NO}})
            # The upload's own execution, which starts no job, must not be counted as part of one.
            until(self._ended_by_upload, "the end of the upload's own execution")
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the farm."""
        self._parts.close()

    def run(self, frames: int, *, of: int | None = 1, workers: int = WORKERS, output: str = "frames") -> Run:
        """Run a job of new frames, in chunks of `of` frames, or of the planner's sizes with None."""
        self._renders += 1
        request = {
            "file": SCENE.name,
            "frames": f"1-{frames}",
            "output": output,
            "max_workers": workers,
            # A new render key, so that no job reuses an earlier job's frames.
            "samples": self._renders,
        }
        return run(self._states, self.machine, request if of is None else request | {"chunk_size": of})

    def count(self, frames: int, **request: Any) -> tuple[Run, Asked]:
        """Run a job; return its run and its AWS requests."""
        begin = self._calls.stat().st_size
        done = self.run(frames, **request)

        def asked() -> Asked | None:
            with self._calls.open("rb") as file:
                file.seek(begin)
                found = Asked.of(file.read().decode().splitlines())
            # The job ends before its worker deletes the last message.
            sent, deleted = (found.others[of] for of in (("service", "SendMessage"), ("workers", "DeleteMessage")))
            return found if deleted >= sent else None

        return done, until(asked, "the worker to have deleted its last message")

    def memory(self) -> int:
        """Return the resident memory of the emulator, in MiB."""
        (emulator,) = (part for part in psutil.Process().children() if "frameloom.local.emulator" in part.cmdline())
        held: int = emulator.memory_info().rss // 2**20
        return held

    def _ended_by_upload(self) -> bool:
        found = self._states.list_executions(stateMachineArn=self.machine)["executions"]
        return any(execution["status"] == "SUCCEEDED" for execution in found)


def client(environment: Mapping[str, str], service: Any) -> Any:
    """Return a client of the AWS endpoint in an environment."""
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def run(states: Any, machine: str, state: Mapping[str, Any], *, name: str | None = None) -> Run:
    """Run an execution to its end."""
    begun = time.monotonic()
    started = states.start_execution(
        stateMachineArn=machine, name=name or f"instant-{uuid4()}", input=json.dumps(state)
    )
    arn = started["executionArn"]

    def end() -> str | None:
        status: str = states.describe_execution(executionArn=arn)["status"]
        return None if status == "RUNNING" else status

    status = until(end, "the end of the execution")
    seconds = time.monotonic() - begun
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
    return Run(status=status, seconds=seconds, events=[event for page in pages for event in page["events"]])


def until(look: Callable[[], Found | None], what: str) -> Found:
    """Poll `look` until it returns something; return that.

    Raises:
        TimeoutError: after TIMEOUT seconds.
    """
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(POLL)
    raise TimeoutError(f"Waited {TIMEOUT:.0f} s for {what}.")


def _who(principal: str) -> str | None:
    """Return the caller that signed a call; None for a caller outside of the job, such as this benchmark."""
    if principal == WORKER_KEY:
        return "workers"
    if "FunctionRole-" in principal:
        return "logs" if "CollectLogs" in principal else "functions"
    return None if principal == SOMEBODY else "service"


def _request(call: Mapping[str, Any]) -> S3Requests:
    if call["method"] in ("PUT", "POST"):
        return S3Requests(puts=1)
    return S3Requests(lists=1) if "list-type=2" in call["uri"] else S3Requests(gets=1)
