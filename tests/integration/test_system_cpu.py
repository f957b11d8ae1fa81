"""The number of render threads in a container with a CPU quota."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.services.system.cpu import usable_cores
from tests.scenes import make_scene

ROOT = Path(__file__).parents[2]
ALL = len(os.sched_getaffinity(0))


def cgroups(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "10000 100000\n"}, 1),
        ({"cpu.max": "6400000 100000\n"}, ALL),
        ({"cpu.max": "max 100000\n"}, ALL),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, ALL),
        ({"cpu.max": ""}, ALL),
        ({}, ALL),
    ],
    ids=[
        "v2",
        "part of a core",
        "more than all",
        "v2 without limit",
        "v1",
        "v1 without limit",
        "empty",
        "none",
    ],
)
def test_the_cores_are_those_of_the_containers_quota(files: dict[str, str], cores: int, tmp_path: Path) -> None:
    assert usable_cores(cgroups(tmp_path, files)) == cores


def test_a_share_of_a_core_counts_as_a_whole_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(32)))
    assert usable_cores(cgroups(tmp_path, {"cpu.max": "350000 100000"})) == 4


# In its own process, since bpy cannot be unloaded.
_OPENED = """
import os, sys, bpy
from frameloom.model.settings import RenderSettings
from worker.blender_process import scene_setup
scene_setup.usable_cores = lambda: 3
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], use_scripts=False)
scene = scene_setup.set_up(RenderSettings(), file="shot.blend")
print("threads", scene.render.threads_mode, scene.render.threads, flush=True)
os._exit(0)
"""


def test_blender_uses_as_many_threads_as_cores_even_if_the_scene_sets_another_number(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend")
    ended = subprocess.run(
        [sys.executable, "-c", _OPENED, str(scene)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert "threads FIXED 3" in ended.stdout, ended.stderr
