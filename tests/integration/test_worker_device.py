"""What Cycles renders on, with a real Blender on a machine that has no card."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from frameloom.model.errors import DeviceMissing
from frameloom.model.settings import Device, RenderSettings
from tests.scenes import make_scene
from worker.blender import Blender

pytestmark = pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has a card of NVIDIA's")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_scene(tmp_path_factory.mktemp("device") / "shot.blend")


@pytest.fixture
def blender(tmp_path: Path) -> Iterator[Blender]:
    blender = Blender(scratch=tmp_path)
    yield blender
    blender.close()


@pytest.mark.parametrize("device", ["CUDA", "OPTIX"])
def test_a_card_that_is_not_there_is_said_and_not_replaced_by_the_cpu(
    blender: Blender, scene: Path, device: Device
) -> None:
    with pytest.raises(DeviceMissing, match=f"^The job needs the device {device}, which this worker does not have.$"):
        blender.open(scene, RenderSettings(device=device), name="shot.blend")


def test_the_next_job_renders_on_the_cpu_as_if_nobody_had_asked_for_a_card(
    blender: Blender, scene: Path, tmp_path: Path
) -> None:
    with pytest.raises(DeviceMissing):
        blender.open(scene, RenderSettings(device="OPTIX"), name="shot.blend")
    for device in (None, "CPU"):
        blender.open(scene, RenderSettings(device=device), name="shot.blend")
        assert blender.render(1, tmp_path / "000001.png").size == (64, 36)


def test_an_engine_that_is_not_cycles_asks_for_no_card(blender: Blender, scene: Path) -> None:
    blender.open(scene, RenderSettings(engine="WORKBENCH", device="CUDA"), name="shot.blend")
