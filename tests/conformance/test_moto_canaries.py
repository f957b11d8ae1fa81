"""Each patch of moto has a canary: a test on unpatched moto that fails once moto no longer needs the patch."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.toolbox import ROOT

PATCHES = ROOT / "src/frameloom/local/moto_patches"
APPLY = {"replace", "replace_created", "add_property"}


def patches_of(file: Path) -> Iterator[str]:
    """Yield the patches that a module applies, as `module.function`."""
    module = ast.parse(file.read_text(encoding="utf-8"))
    functions = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in APPLY:
            patch = {node.id for node in ast.walk(call.args[-1]) if isinstance(node, ast.Name)} & functions
            assert len(patch) == 1, f"{file.name}:{call.lineno} must apply one function of its module"
            yield f"{file.stem}.{patch.pop()}"


def canaries_of(file: Path) -> Iterator[str]:
    """Yield the patches whose canaries are in a file of tests."""
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "canary":
            yield from (str(argument.value) for argument in call.args if isinstance(argument, ast.Constant))


def test_each_patch_has_a_canary_and_each_canary_a_patch() -> None:
    patches = {patch for file in PATCHES.glob("*/*.py") for patch in patches_of(file)}
    canaries = {patch for file in Path(__file__).parent.glob("test_moto_*.py") for patch in canaries_of(file)}
    assert len(patches) > 30
    assert patches - canaries == set(), "patches without a canary"
    assert canaries - patches == set(), "canaries of no patch"


def test_nothing_of_moto_is_patched_in_another_way() -> None:
    """An assignment to an attribute of one of moto's modules or classes would escape the test above."""
    for file in PATCHES.glob("*/*.py"):
        module = ast.parse(file.read_text(encoding="utf-8"))
        imports = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
        imported = {name.asname or name.name for node in imports for name in node.names}
        for node in ast.walk(module):
            for target in node.targets if isinstance(node, ast.Assign) else []:
                owners = {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
                assert isinstance(target, ast.Name) or not owners & imported, f"{file.name}:{target.lineno}"
            assert not (isinstance(node, ast.Name) and node.id == "setattr"), f"{file.name} calls setattr"


def test_each_patch_names_the_fact_about_moto() -> None:
    for file in PATCHES.glob("*/*.py"):
        names = {patch.partition(".")[2] for patch in patches_of(file)}
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name in names:
                assert "\n    moto: " in (ast.get_docstring(node, clean=False) or ""), f"{file.name}: {node.name}"
