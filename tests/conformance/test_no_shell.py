"""No value of a request or a scene reaches a shell or chooses a program."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.toolbox import ROOT

SHIPPED = sorted(path for folder in ("src", "functions", "worker") for path in (ROOT / folder).rglob("*.py"))
# The command line and the local farm start their user's own programs: workers, an emulator, docker and AWS's tools.
STARTS_PROCESSES = {"src/frameloom/local", "src/frameloom/cli", "src/frameloom/kube"}
# The worker starts one: Python itself, with a module of ours, the version of a Blender, and nothing else of the job on
# its command line.
WORKER, COMMAND = "worker/blender.py", "worker/blender_versions.py"


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_our_code_runs_no_shell_and_renderers_and_encoders_start_no_program(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    text = path.read_text(encoding="utf-8")
    for function, call in _calls(ast.parse(text)):
        assert function not in {"os.system", "os.popen", "subprocess.getoutput"}, call.lineno
        assert not any(one.arg == "shell" for one in call.keywords), call.lineno
        if function in {"eval", "exec"} or function.startswith(("subprocess.", "os.exec", "os.spawn", "os.posix_s")):
            assert name == WORKER or any(name.startswith(folder) for folder in STARTS_PROCESSES), call.lineno
        if name == WORKER and function == "subprocess.Popen":
            assert ast.unparse(call.args[0]) == "command_of(blender)"
    if name == COMMAND:
        (command,) = (node for node in ast.walk(ast.parse(text)) if getattr(node, "name", "") == "command_of")
        assert "return [sys.executable, '-m', 'worker.blender_process', blender.version]" in ast.unparse(command)
