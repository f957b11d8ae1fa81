"""A worker's configuration: its environment, read once."""

import importlib.metadata
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from frameloom.services.system.memory import MEBIBYTE


class ConfigError(ValueError):
    """The environment names no farm, or holds a value that a worker cannot use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """What a worker is told by its environment; `docs/operator.md` lists the variables."""

    chunk_queue: str
    log_queue: str
    log_bucket: str
    name: str
    scratch: Path
    blender: str
    # How long a worker may stay silent before its chunk goes to another.
    lease: timedelta
    # After so long without work the worker ends: a Kubernetes Job that has drained the queue. None: it stays.
    idle_exit: timedelta | None
    # Bytes by which Blender may grow from chunk to chunk before it is started anew (worker/memory_growth.py).
    growth: int = 1024 * MEBIBYTE
    # Touched as the worker goes (worker/health.py). None: nobody asks.
    health_file: Path | None = None

    @property
    def beat(self) -> timedelta:
        """How often a lease is renewed: three beats may be missed before the chunk goes to another."""
        return self.lease / 4

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the configuration that `environment` holds.

        Raises:
            ConfigError: naming the variable that is missing or wrong.
        """
        idle_exit = environment.get("IDLE_EXIT_SECONDS")
        health_file = environment.get("HEALTH_FILE")
        return cls(
            chunk_queue=_needed(environment, "CHUNK_QUEUE_URL"),
            log_queue=_needed(environment, "LOG_QUEUE_URL"),
            log_bucket=_needed(environment, "LOG_BUCKET"),
            name=environment.get("WORKER_NAME") or f"{socket.gethostname()}-{os.getpid()}",
            scratch=Path(environment.get("SCRATCH_DIR") or tempfile.gettempdir()),
            blender=importlib.metadata.version("bpy"),
            lease=_seconds("LEASE_SECONDS", environment.get("LEASE_SECONDS", "120")),
            idle_exit=None if idle_exit is None else _seconds("IDLE_EXIT_SECONDS", idle_exit),
            growth=_mebibytes("BLENDER_GROWTH_MIB", environment.get("BLENDER_GROWTH_MIB", "1024")),
            health_file=Path(health_file) if health_file else None,
        )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise ConfigError(f"{name} is not set: the outputs of the farm's stack say what it is")
    return value


def _seconds(name: str, text: str) -> timedelta:
    # SQS' longest lease is 12 hours.
    if not text.isdecimal() or not 1 <= int(text) <= 43_200:
        raise ConfigError(f"{name} is {text!r}: it takes whole seconds from 1 to 43200")
    return timedelta(seconds=int(text))


def _mebibytes(name: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 2**24:
        raise ConfigError(f"{name} is {text!r}: it takes whole mebibytes from 1 to {2**24}")
    return int(text) * MEBIBYTE
