"""The example of the Python API as a pipeline would run it, on the farm that the other tests use."""

import os
import subprocess
import sys
from pathlib import Path

from tests.scenes import make_scene
from tests.video_probe import probe

EXAMPLE = Path(__file__).parents[2] / "examples/render_dailies.py"


def test_the_example_renders_two_shots_to_frames_and_films(tiny: Path, home: Path) -> None:
    out = home / "dailies"
    scenes = [tiny, make_scene(home / "night.blend", frames=(1, 2))]
    ran = subprocess.run(
        [sys.executable, EXAMPLE, *scenes, "--out", out, "--frames", "1-2"],
        env=os.environ | {"FRAMELOOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    for name in ("tiny", "night"):
        film = out / f"{name}.mp4"
        assert f"{name}.blend: 2 rendered, 0 reused: {film}" in ran.stdout
        assert probe(film).frames == 2
        assert len(list(out.glob(f"{name}/*/*.png"))) == 2
