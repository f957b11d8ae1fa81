"""Fixtures of the integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from worker.blender import Blender


@pytest.fixture
def blender(tmp_path: Path) -> Iterator[Blender]:
    """A Blender process that starts with its first request and ends with the test."""
    blender = Blender(scratch=tmp_path / "scratch")
    yield blender
    blender.close()


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty account."""
    with mock_aws():
        yield
