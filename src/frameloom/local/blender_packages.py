"""Installs and removes further Blenders on this machine.

A Blender is the package `bpy` from PyPI, pinned and checked by the hashes in `worker/requirements/`, as in the worker's
image. uv installs it into a folder of its own and keeps its download. A folder gets its final name when its Blender has
started once, so a failed installation leaves nothing behind.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from frameloom.local.local_farm import find_root
from frameloom.model.blenders import and_listed, is_in, numbers_of
from frameloom.model.errors import FarmUnavailable, InvalidRequest
from frameloom.services.system.installed_blenders import InstalledBlender, blenders_folder, installed_blenders

REQUIREMENTS = Path("worker", "requirements")
# The wheels of 4.5.15 and 5.0.1 have 373 MB.
SIZE = "370 MB"
# Folders of an unfinished installation or removal.
_UNFINISHED = ".unfinished-"
# Prints the version, and leaves the process without Blender's own cleanup, in which bpy may hang.
_START = "import bpy, os; print(bpy.app.version_string, flush=True); os._exit(0)"
_START_TIMEOUT = 120.0


def available_blenders() -> dict[str, Path]:
    """Return the requirements files of the Blenders that can be installed, by full version, oldest first.

    Raises:
        FarmUnavailable: this package is not in a checkout.
    """
    found = {}
    for path in (find_root() / REQUIREMENTS).glob("[0-9]*.txt"):
        pinned = re.search(r"^bpy==(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if pinned is not None:
            found[pinned[1]] = path
    return dict(sorted(found.items(), key=lambda item: numbers_of(item[0])))


def find_installed(asked: str) -> InstalledBlender | None:
    """Return the newest installed Blender of a series, or the one of a full version; None without one."""
    found = [each for each in installed_blenders() if is_in(each.version, asked)]
    return found[-1] if found else None


def add_blender(asked: str, report: Callable[[str], None]) -> InstalledBlender:
    """Install a Blender, unless it is installed already, and return it.

    Args:
        asked: a series, such as 5.0, or a full version.
        report: called with a sentence before a long step.

    Raises:
        InvalidRequest: there is no such Blender.
        FarmUnavailable: it cannot be downloaded, or does not start on this machine.
    """
    if (present := find_installed(asked)) is not None:
        return present
    available = available_blenders()
    version = next((version for version in available if is_in(version, asked)), None)
    if version is None:
        raise InvalidRequest(field="VERSION", problem=f"takes {and_listed(available, last='or')}, not {asked!r}")
    with _unfinished_folder(report) as folder:
        # Another command may have installed it while this one waited.
        if (present := find_installed(version)) is not None:
            return present
        report(f"Downloading Blender {version} as a Python module: {SIZE}. Later installations use the same copy.")
        _install(available[version], folder, version)
        report(f"Starting Blender {version} once")
        _check_start(InstalledBlender(version=version, folder=folder))
        folder.chmod(0o755)
        return InstalledBlender(version=version, folder=folder.rename(blenders_folder() / version))


def remove_blender(asked: str) -> InstalledBlender:
    """Remove a Blender that `add_blender` has installed, and return it.

    Raises:
        InvalidRequest: it is not installed, or it is the one of this Python environment.
    """
    added = [each for each in installed_blenders() if each.folder is not None]
    fitting = [each for each in added if is_in(each.version, asked)]
    if not fitting:
        there = find_installed(asked)
        if there is not None:
            problem = f"Blender {there.version} is part of Frameloom's Python environment and cannot be removed"
        elif added:
            problem = f"takes {and_listed([each.version for each in added], last='or')}, not {asked!r}"
        else:
            problem = f"Blender {asked} is not installed; see `frameloom blender list`"
        raise InvalidRequest(field="VERSION", problem=problem)
    chosen = fitting[-1]
    with _unfinished_folder(lambda _: None) as folder:
        # First out of sight of workers, then deleted.
        (blenders_folder() / chosen.version).rename(folder / chosen.version)
    return chosen


@contextmanager
def _unfinished_folder(report: Callable[[str], None]) -> Iterator[Path]:
    """Yield an empty folder beside the Blenders, and delete it at exit; one command at a time has one.

    Raises:
        FarmUnavailable: the folder for Blenders cannot be written.
    """
    base = blenders_folder()
    try:
        base.mkdir(parents=True, exist_ok=True)
        lock = os.open(base / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FarmUnavailable(problem=f"{base} cannot be written: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("Waiting for another `frameloom blender` command")
            fcntl.flock(lock, fcntl.LOCK_EX)
        # Left by a command that was killed.
        for left in base.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=base))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def _install(requirements: Path, folder: Path, version: str) -> None:
    command = [find_uv(), "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--compile-bytecode", "--python", sys.executable, "--target", str(folder)]
    # uv draws its progress on standard error.
    ended = subprocess.run(
        [*command, "--requirement", str(requirements)], stdout=subprocess.DEVNULL, stderr=None, check=False
    )
    if ended.returncode != 0:
        problem = f"Blender {version} was not installed: see uv's message above. Nothing was changed."
        raise FarmUnavailable(problem=problem)


def find_uv() -> str:
    """Return the path of uv: this machine's, or the copy that `make` has fetched.

    Raises:
        FarmUnavailable: there is no uv.
    """
    found = shutil.which("uv") or shutil.which("uv", path=find_root() / ".uv/bin")
    if found is None:
        raise FarmUnavailable(problem="uv is not installed here: `make env` in the checkout fetches it.")
    return found


def _check_start(blender: InstalledBlender) -> None:
    """Start a Blender and compare its version.

    Raises:
        FarmUnavailable: it does not start, or is another one.
    """
    environment = os.environ | {"PYTHONPATH": str(blender.folder)}
    try:
        ended = subprocess.run(
            [sys.executable, "-c", _START],
            env=environment, capture_output=True, text=True, timeout=_START_TIMEOUT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FarmUnavailable(problem=f"Blender {blender.version} does not start within two minutes.") from None
    if ended.returncode != 0 or not ended.stdout.startswith(blender.version):
        last = (ended.stderr or ended.stdout).strip().splitlines()[-1:]
        raise FarmUnavailable(
            problem=f"Blender {blender.version} does not start on this machine, so it was removed again: "
            f"{' '.join(last) or f'exit code {ended.returncode}'}."
        )
