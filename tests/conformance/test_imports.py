"""Imports run one way, and each heavy package is known in one place."""

import ast
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.toolbox import ROOT, lint_imports

# The allowed imports of a handler: the environment's clients, the services and the model.
HANDLERS_KNOW = (
    *("frameloom.aws.lambda_env", "frameloom.aws.lambda_logger"),
    *("frameloom.model", "frameloom.services", "aws_lambda_powertools"),
)
PLANTED = {
    "the model reads S3": ("src/frameloom/model/frames.py", "import boto3"),
    "the model knows a use case": ("src/frameloom/model/frames.py", "from frameloom.services import plan"),
    "a use case knows boto3": ("src/frameloom/services/plan_chunks.py", "import boto3"),
    "a use case knows where it runs": ("src/frameloom/services/plan_chunks.py", "from frameloom.local import farm"),
    "the supervisor loads Blender": ("worker/supervisor.py", "import bpy"),
    "a new module of the worker loads Blender": ("worker/new_module.py", "import bpy"),
    "the supervisor imports Blender's process": ("worker/supervisor.py", "from worker.blender_process import sandbox"),
    "the command line knows Kubernetes": ("src/frameloom/cli/fleet/select_cluster.py", "import kubernetes"),
    "a cluster knows AWS": ("src/frameloom/kube/api.py", "from frameloom.aws import stack"),
    "the definition reads the world": ("statemachine/definition.py", "from frameloom.aws import stack"),
}


def test_the_contracts_hold() -> None:
    ended = lint_imports(ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_import_breaks_one(fault: str, tmp_path: Path) -> None:
    for part in ("src", "worker", "statemachine"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    file, line = PLANTED[fault]
    with (tmp_path / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    ended = lint_imports(tmp_path)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "BROKEN" in ended.stdout


def test_no_two_modules_of_the_package_have_the_same_base_name() -> None:
    names = Counter(path.name for path in (ROOT / "src/frameloom").rglob("*.py") if not path.name.startswith("__"))
    assert [name for name, count in names.items() if count > 1] == []


def test_a_handler_imports_only_the_services_of_our_code() -> None:
    for handler in ROOT.glob("functions/*/app.py"):
        strangers = {name for name in imports(handler) if name.startswith(("frameloom", "boto", "worker"))}
        assert {name for name in strangers if not name.startswith(HANDLERS_KNOW)} == set(), handler


def test_no_handler_creates_a_client_at_import() -> None:
    """The functions of lambda_env are called when an event comes: at import there may be no environment."""
    for handler in ROOT.glob("functions/*/app.py"):
        tree = ast.parse(handler.read_text(encoding="utf-8"))
        at_import = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
        calls = {ast.unparse(call) for node in at_import for call in ast.walk(node) if isinstance(call, ast.Call)}
        assert [call for call in calls if call.startswith(("lambda_env", "boto", "os."))] == [], handler


def imports(source: Path) -> Iterator[str]:
    """Yield the modules, and the names taken from them, that a file imports."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
