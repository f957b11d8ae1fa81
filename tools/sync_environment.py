"""Make or update the environment with uv, and announce what it downloads.

    python tools/sync_environment.py UV OPTION...

UV is the path of uv; the options are those of `uv sync`. It prints nothing when the environment is up to date. Before a
download it prints the number of packages and their size; then uv shows its own progress. Only the standard library is
imported, since this runs before the environment exists.
"""

import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Blender as a Python module.
BLENDER = "bpy"
# Wheels that fit several machines are named for the oldest one; the sizes hardly differ.
MACHINES = {
    ("Linux", "x86_64"): r"manylinux.*x86_64|linux_x86_64",
    ("Linux", "aarch64"): r"manylinux.*aarch64|linux_aarch64",
    ("Darwin", "arm64"): r"macosx.*(arm64|universal2)",
    ("Darwin", "x86_64"): r"macosx.*(x86_64|universal2)",
    ("Windows", "AMD64"): r"win_amd64",
}
DOWNLOADS = re.compile(r"^Would download (\d+) package", re.MULTILINE)
INSTALLS = re.compile(r"^ \+ (\S+)==(\S+)", re.MULTILINE)


def announcement(dry_run: str, lock: dict[str, Any], *, machine: str, python: str) -> str | None:
    """Return the line to print before a download, or None when nothing is downloaded.

    Args:
        dry_run: the output of `uv sync --dry-run`.
        lock: the contents of uv.lock.
        machine: a pattern for the platforms in wheel names, a value of `MACHINES`.
        python: the interpreter in wheel names, such as `cp311`.
    """
    count = DOWNLOADS.search(dry_run)
    if count is None:
        return None
    packages = dict(INSTALLS.findall(dry_run))
    size = sum(download_size(lock, name, packages[name], machine=machine, python=python) for name in packages)
    # uv does not print which of the packages are in its cache.
    about = "about" if int(count[1]) >= len(packages) else "at most"
    kind = f"{count[1]} Python packages"
    if BLENDER in packages:
        series = ".".join(packages[BLENDER].split(".")[:2])
        kind = f"Blender {series} as a Python module, and {len(packages) - 1} other Python packages"
    return f"Downloading {kind}: {about} {megabytes(size)} MB. Later runs use the same copy."


def download_size(lock: dict[str, Any], name: str, version: str, *, machine: str, python: str) -> int:
    """Return the bytes that are downloaded for a package: 0 for a package that is not in the lock."""
    for package in lock["package"]:
        if (package["name"], package["version"]) == (name, version):
            wheels = package.get("wheels", [])
            fitting = [wheel for wheel in wheels if fits(wheel["url"], machine=machine, python=python)]
            files = fitting or [package["sdist"]] if "sdist" in package else fitting
            return max((int(file["size"]) for file in files), default=0)
    return 0


def fits(url: str, *, machine: str, python: str) -> bool:
    """Report whether a wheel's name is for this machine and interpreter."""
    interpreter, abi, platforms = url.rpartition("/")[2].removesuffix(".whl").split("-")[-3:]
    runs = python in interpreter.split(".") or "py3" in interpreter.split(".") or abi == "abi3"
    return runs and (platforms == "any" or re.search(machine, platforms) is not None)


def megabytes(size: int) -> int:
    """Return a size in megabytes, rounded up to tens above 100."""
    return -(-size // 10_000_000) * 10 if size > 100_000_000 else -(-size // 1_000_000)


def main() -> int:
    """Announce and run `uv sync`; return its exit code."""
    sync = [sys.argv[1], "sync", *sys.argv[2:]]
    planned = subprocess.run([*sync, "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False)
    machine = MACHINES.get((platform.system(), platform.machine()), "any")
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    line = announcement(planned.stderr, lock, machine=machine, python=python)
    if line is not None:
        print(line, file=sys.stderr, flush=True)
    # Without a download uv is done within a second, and its list of packages is of no use.
    quiet = ["--quiet"] if line is None else []
    return subprocess.run([*sync, *quiet], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
