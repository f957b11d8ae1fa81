"""The clients and settings of a Lambda function, read from its environment on first use."""

import os
from functools import cache

from frameloom.aws.executions import JobExecutions, TaskTokens
from frameloom.aws.store import S3Store
from frameloom.model.blenders import parse_blenders
from frameloom.model.settings import Device, read_device
from frameloom.services.storage.ports import Buckets


@cache
def store() -> S3Store:
    """Return the function's store."""
    return S3Store()


@cache
def buckets() -> Buckets:
    """Return the farm's buckets."""
    return Buckets(
        scenes=os.environ["SCENES_BUCKET"], frames=os.environ["FRAMES_BUCKET"], logs=os.environ["LOG_BUCKET"]
    )


@cache
def executions() -> JobExecutions:
    """Return the jobs of the farm's state machine."""
    return JobExecutions(os.environ["STATE_MACHINE_ARN"])


@cache
def tokens() -> TaskTokens:
    """Return the client for task tokens."""
    return TaskTokens()


def blenders() -> tuple[str, ...]:
    """Return the full versions of Blender in the workers' image."""
    return parse_blenders(os.environ["BLENDER_VERSIONS"])


def device() -> Device:
    """Return the device on which workers render by default."""
    return read_device(os.environ["CYCLES_DEVICE"])


def encoders() -> int:
    """Return the number of segments that are encoded at once."""
    return int(os.environ["ENCODERS_AT_ONCE"])


def trusts_scripts() -> bool:
    """Return whether a job may run the code in its scene."""
    return os.environ["TRUSTED_SCRIPTS"] == "allow"
