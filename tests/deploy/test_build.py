"""`sam build` makes packages that Lambda accepts: for its processor, complete, and small enough."""

import os
import platform
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.conformance.toolbox import ROOT
from tests.deploy.build import ARM64, LAYER, Build, native_modules, processor, size_of

# "Deployment package (.zip file archive) size ... 250 MB ... unzipped, including layers": Lambda quotas.
LIMIT = 250_000_000
MEGABYTE = 1_000_000


def test_every_native_library_is_for_lambdas_processor(built: Build) -> None:
    packages = {library.relative_to(built.layer).parts[0] for library in native_modules(built.layer)}
    assert packages >= {"av", "av.libs", "pydantic_core", "zstandard"}
    assert [library for library in native_modules(built.folder) if processor(library) != ARM64] == []


def test_the_check_distinguishes_processors() -> None:
    ours = {"x86_64": 62, "aarch64": ARM64}
    if platform.system() != "Linux" or platform.machine() not in ours:
        pytest.skip("this machine's own programs are no ELF files of a known processor")
    assert processor(Path(os.path.realpath(sys.executable))) == ours[platform.machine()]


def test_the_layer_has_the_package_and_all_locked_requirements(built: Build) -> None:
    locked = {
        line.split(" ")[0]
        for line in (ROOT / "src" / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    found = {
        f"{found.name.lower().replace('_', '-')}=={found.version}" for found in distributions(path=[str(built.layer)])
    }
    assert found == locked
    assert (built.layer / "frameloom" / "services" / "encode_segment.py").exists()


def test_every_function_with_its_layer_is_below_lambdas_limit(built: Build, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = built.sizes()
    lines = [f"  {size / MEGABYTE:6.1f} MB  {name}" for name, size in sizes.items()]
    with capsys.disabled():
        print(
            f"\nUnzipped, each with its layer of {size_of(built.folder / LAYER) / MEGABYTE:.1f} MB:", *lines, sep="\n"
        )
    assert len(sizes) == len(list(ROOT.glob("functions/*/app.py")))
    assert [name for name, size in sizes.items() if size >= LIMIT] == []
