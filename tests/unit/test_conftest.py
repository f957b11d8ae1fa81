"""The suite does not depend on the shell variables of the user who runs it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOSTILE = {
    "NO_COLOR": "1",
    "FORCE_COLOR": "1",
    "TERM": "dumb",
    "COLUMNS": "20",
    "CI": "true",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL": "https://example.com",
    "FRAMELOOM_HOME": "/nowhere",
    "XDG_STATE_HOME": "/nowhere",
    "BLENDER_USER_RESOURCES": "/nowhere",
    "OCIO": "/nowhere.ocio",
    "PYTHONWARNINGS": "error",
    "PYTHONPATH": "/nowhere",
    "LEASE_SECONDS": "-1",
}
PROGRAM = f"""
import os
import tests.conftest

def test_it():
    assert os.path.isdir(os.environ["FRAMELOOM_HOME"])
    left = {{name for name in {list(HOSTILE)} if name in os.environ}}
    assert left == {{"FRAMELOOM_HOME"}}
    aws = {{name: value for name, value in os.environ.items() if name.startswith("AWS_")}}
    assert aws == tests.conftest.NOBODY
    assert os.environ["PYTHONDONTWRITEBYTECODE"] == "1"
"""


def test_nothing_of_the_shell_that_starts_the_suite_reaches_a_test(tmp_path: Path) -> None:
    test = tmp_path / "test_it.py"
    test.write_text(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", str(test)]
    environment = {**os.environ, **HOSTILE, "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
