"""What a Lambda function works with, made from its environment when it is first called."""

import os
from functools import cache

from frameloom.aws.executions import JobExecutions, TaskTokens
from frameloom.aws.store import S3Store
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
    """Return the answers to task tokens."""
    return TaskTokens()


def blender() -> str:
    """Return the version of Blender that the farm's workers hold."""
    return os.environ["BLENDER_VERSION"]


def device() -> Device:
    """Return what the farm's workers render on where a request names nothing else."""
    return read_device(os.environ["CYCLES_DEVICE"])


def encoders() -> int:
    """Return how many segments of a film are encoded at once."""
    return int(os.environ["ENCODERS_AT_ONCE"])


def trusts_scripts() -> bool:
    """Return whether a job may run the code in its scene."""
    return os.environ["TRUSTED_SCRIPTS"] == "allow"
