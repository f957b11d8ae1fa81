"""`sam build` of the checkout, and the files of the build."""

import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.toolbox import ROOT, run, sam

LAYER = "SharedLayer"
# The number of the processor in an ELF file, from elf.h.
ARM64 = 183


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build in `folder`, made of the copy of the checkout in `source`."""

    source: Path
    folder: Path

    @property
    def template(self) -> Path:
        """The template that `sam deploy` takes."""
        return self.folder / "template.yaml"

    @property
    def layer(self) -> Path:
        """The folder of the shared layer's packages."""
        return self.folder / LAYER / "python"

    def sizes(self) -> dict[str, int]:
        """Return the unzipped bytes of each function with its layer, by logical id."""
        layer = size_of(self.folder / LAYER)
        functions = (folder for folder in sorted(self.folder.iterdir()) if folder.name.endswith("Function"))
        return {folder.name: size_of(folder) + layer for folder in functions}


def build(folder: Path, *, python: Path) -> Build:
    """Build the checkout below `folder`; the checkout itself is not changed."""
    source = folder / "source"
    for name in ("template.yaml", "samconfig.toml"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source)
    for name in ("src", "functions", "statemachine", "cluster"):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    folders = ["--build-dir", str(folder / "build"), "--cache-dir", str(folder / "cache")]
    ended = sam("build", *folders, folder=source, environment={**os.environ, "PATH": path})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return Build(source=source, folder=folder / "build")


@cache
def python_of_lambda() -> Path:
    """Return a Python 3.13, which `sam build` needs, or skip the test."""
    places = [Path(folder) for folder in os.get_exec_path()]
    places += sorted(Path.home().glob(".pyenv/versions/3.13*/bin"))
    places += sorted(Path.home().glob(".local/share/uv/python/cpython-3.13*/bin"))
    for place in places:
        python = place / "python3.13"
        # pyenv's shim exists without the version that it runs; Debian's Python has no pip.
        if python.exists() and run([str(python), "-m", "pip", "--version"]).returncode == 0:
            return python
    pytest.skip("Python 3.13 with pip is not installed: it is the functions' runtime, and `sam build` needs it")


def native_modules(folder: Path) -> Iterator[Path]:
    """Yield every shared library below a folder, by content rather than name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def processor(library: Path) -> int:
    """Return the processor of an ELF file: `e_machine`, the 16 bits at byte 18."""
    with library.open("rb") as file:
        (machine,) = struct.unpack_from("<H", file.read(20), 18)
    return int(machine)


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
