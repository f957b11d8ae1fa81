"""The devices of Cycles, with a real Blender on a machine without a GPU."""

from pathlib import Path
from typing import get_args

import pytest

from frameloom.model.errors import DeviceMissing
from frameloom.model.settings import Device, RenderSettings
from worker.blender import Blender

pytestmark = pytest.mark.skipif(Path("/proc/driver/nvidia").exists(), reason="this machine has an NVIDIA GPU")


def test_a_missing_gpu_is_an_error_and_the_next_job_renders_on_the_cpu(
    blender: Blender, scene: Path, tmp_path: Path
) -> None:
    gpus: list[Device] = [device for device in get_args(Device) if device != "CPU"]
    assert gpus
    for device in gpus:
        with pytest.raises(
            DeviceMissing, match=f"^The job needs the device {device}, which this worker does not have.$"
        ):
            blender.open(scene, RenderSettings(device=device), name="shot.blend")
    blender.open(scene, RenderSettings(), name="shot.blend")
    assert blender.render(1, tmp_path / "000001.png").size == (64, 36)


def test_an_engine_other_than_cycles_needs_no_gpu(blender: Blender, scene: Path) -> None:
    blender.open(scene, RenderSettings(engine="WORKBENCH", device="CUDA"), name="shot.blend")
