"""The buckets and the scene of the tests of handlers."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from frameloom.aws.store import S3Store
from tests.integration.handlers.calls import ENVIRONMENT
from tests.jobs import S3_BUCKETS as BUCKETS
from tests.scenes import make_scene


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """Make the three buckets, and set the environment of the functions."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        for bucket in (BUCKETS.scenes, BUCKETS.frames, BUCKETS.logs):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_bucket_versioning(Bucket=BUCKETS.scenes, VersioningConfiguration={"Status": "Enabled"})
        yield S3Store()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("scenes") / "shot.blend", frames=(1, 5), fps=25)
