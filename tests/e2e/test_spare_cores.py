"""A local farm starts another worker if Blender leaves cores idle."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.local.idle_capacity import most_workers
from tests.conformance.toolbox import ROOT


@pytest.mark.alone
@pytest.mark.skipif(most_workers() == 1, reason="this machine has one core")
def test_a_second_worker_starts_if_the_first_leaves_a_core_idle(tmp_path: Path) -> None:
    scene, out = tmp_path / "idle.blend", tmp_path / "out"
    subprocess.run([sys.executable, "-m", "benchmarks.scenes", "idle", str(scene)], cwd=ROOT, check=True, stdout=-3)
    command = [sys.executable, "-m", "frameloom", "render", str(scene), "--frames", "1-40", "--frames-only"]
    done = subprocess.run(
        [*command, "--out", str(out)],
        env={**os.environ, "FRAMELOOM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Blender leaves cores idle: worker 2 starts." in done.stderr
    (report,) = out.glob("*.report.json")
    assert {"worker-1", "worker-2"} <= set(json.loads(report.read_text())["workers"])
