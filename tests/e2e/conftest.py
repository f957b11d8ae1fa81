"""One local farm for all end-to-end tests, with one real worker and a lease of seconds."""

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from frameloom.local.farm_state import FarmState, held
from frameloom.local.local_farm import LocalFarm
from frameloom.services.system.installed_blenders import VARIABLE, InstalledBlender
from tests.blender_folder import FOLDER
from tests.e2e.rig import Rig
from tests.scenes import make_scene

LEASE_SECONDS = 4


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run test_permissions.py last: it checks the calls of all other tests."""
    items.sort(key=lambda item: item.path.name == "test_permissions.py")


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory, blender_5: InstalledBlender) -> Iterator[Rig]:
    """A farm with two Blenders that is up, and writes down every call that is made to it."""
    calls = tmp_path_factory.mktemp("rig") / "calls"
    worker_env = {"LEASE_SECONDS": str(LEASE_SECONDS), VARIABLE: str(FOLDER)}
    parameters = {"BlenderVersions": f"{importlib.metadata.version('bpy')} {blender_5.version}"}
    with LocalFarm(workers=1, worker_env=worker_env, parameters=parameters, record=calls) as farm:
        yield Rig(farm, calls)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene of frames 1 to 5, 64x36, 24 frames a second."""
    return make_scene(tmp_path_factory.mktemp("tiny") / "tiny.blend", frames=(1, 5))


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose frames take longer than any test waits."""
    return make_scene(tmp_path_factory.mktemp("slow") / "slow.blend", size=(1920, 1080), samples=4096)


@pytest.fixture(scope="session")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose frames take some tenths of a second, so that a chunk can be caught in the middle."""
    return make_scene(tmp_path_factory.mktemp("steady") / "steady.blend", frames=(1, 12), size=(320, 180), samples=16)


@pytest.fixture
def home(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home folder in which `Farm.local` and the command line find the running farm."""
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    with held():
        FarmState(endpoint=rig.farm.endpoint, outputs=rig.farm.outputs, environment=rig.farm.environment).save()
        yield tmp_path
