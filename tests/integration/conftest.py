"""Fixtures of the integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm
from worker.blender import Blender


@pytest.fixture
def blender(tmp_path: Path) -> Iterator[Blender]:
    """A Blender that starts on first use and ends with the test."""
    blender = Blender(scratch=tmp_path / "scratch")
    yield blender
    blender.close()


@pytest.fixture
def aws() -> Iterator[None]:
    """An empty account."""
    with mock_aws():
        yield


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[WorkerFarm]:
    """A farm whose worker must leave no files."""
    farm = WorkerFarm(tmp_path)
    yield farm
    assert list(farm.scratch.iterdir()) == []


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny scene."""
    return make_scene(tmp_path_factory.mktemp("scene") / "shot.blend", frames=(1, 10))


@pytest.fixture(scope="session")
def slow_scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose frames take far longer than any test."""
    return make_scene(tmp_path_factory.mktemp("slow") / "slow.blend", frames=(1, 10), size=(1920, 1080), samples=4096)
