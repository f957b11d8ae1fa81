"""A worker's configuration, read once from its environment."""

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from frameloom.services.system.installed_blenders import VARIABLE, installed_blenders
from frameloom.services.system.memory import MEBIBYTE


class ConfigError(ValueError):
    """A variable of the environment is missing or has a wrong value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """The values of the environment; `docs/operator.md` lists the variables."""

    chunk_queue: str
    log_queue: str
    log_bucket: str
    name: str
    scratch: Path
    # Full versions, oldest first.
    blenders: tuple[str, ...]
    # Time without a renewal after which another worker receives the chunk.
    lease: timedelta
    # The worker exits after this time without work, so that a Kubernetes Job ends. None: it waits for work.
    idle_exit: timedelta | None
    # Bytes by which Blender may grow from chunk to chunk before it is restarted (worker/memory_growth.py).
    growth: int = 1024 * MEBIBYTE
    # The file that shows that the worker is alive (worker/health.py). None: there is no health check.
    health_file: Path | None = None

    @property
    def heartbeat_interval(self) -> timedelta:
        """The time between two renewals of a lease: three may fail before another worker receives the chunk."""
        return self.lease / 4

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the configuration that `environment` holds.

        Raises:
            ConfigError: names the variable that is missing or wrong.
        """
        blenders = tuple(each.version for each in installed_blenders(environment))
        if not blenders:
            raise ConfigError(f"there is no Blender: install bpy, or set {VARIABLE} to a folder with Blenders")
        idle_exit = environment.get("IDLE_EXIT_SECONDS")
        health_file = environment.get("HEALTH_FILE")
        return cls(
            chunk_queue=_required(environment, "CHUNK_QUEUE_URL"),
            log_queue=_required(environment, "LOG_QUEUE_URL"),
            log_bucket=_required(environment, "LOG_BUCKET"),
            name=environment.get("WORKER_NAME") or f"{socket.gethostname()}-{os.getpid()}",
            scratch=Path(environment.get("SCRATCH_DIR") or tempfile.gettempdir()),
            blenders=blenders,
            lease=_seconds("LEASE_SECONDS", environment.get("LEASE_SECONDS", "120")),
            idle_exit=None if idle_exit is None else _seconds("IDLE_EXIT_SECONDS", idle_exit),
            growth=_mebibytes("BLENDER_GROWTH_MIB", environment.get("BLENDER_GROWTH_MIB", "1024")),
            health_file=Path(health_file) if health_file else None,
        )


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise ConfigError(f"{name} is not set: take its value from the outputs of the farm's stack")
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
