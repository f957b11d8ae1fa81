"""Announcements of downloads: their size comes from the lock."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools import sync_environment
from tools.sync_environment import MACHINES, announcement, download_size, fits, megabytes

LINUX = MACHINES["Linux", "x86_64"]
DRY_RUN = """\
Resolved 175 packages in 11ms
Would download 3 packages
Would install 3 packages
 + bpy==4.5.15
 + frameloom==0.1.0 (from file:///checkout)
 + six==1.17.0
"""


def wheel(name: str, size: int) -> dict[str, Any]:
    return {"url": f"https://files.example/{name}.whl", "size": size}


LOCK: dict[str, Any] = {
    "package": [
        {
            "name": "bpy",
            "version": "4.5.15",
            "wheels": [
                wheel("bpy-4.5.15-cp311-cp311-macosx_11_0_arm64", 223_000_000),
                wheel("bpy-4.5.15-cp311-cp311-manylinux_2_28_x86_64", 372_000_000),
            ],
        },
        {"name": "six", "version": "1.16.0", "wheels": [wheel("six-1.16.0-py2.py3-none-any", 5)]},
        {"name": "six", "version": "1.17.0", "wheels": [wheel("six-1.17.0-py2.py3-none-any", 11_000)]},
        {"name": "old", "version": "1.0", "sdist": {"url": "https://files.example/old-1.0.tar.gz", "size": 7}},
    ]
}


def announced(dry_run: str, machine: str = LINUX) -> str | None:
    return announcement(dry_run, LOCK, machine=machine, python="cp311")


def test_a_first_download_names_blender_the_packages_and_the_size() -> None:
    assert announced(DRY_RUN) == (
        "Downloading Blender 4.5 as a Python module, and 2 other Python packages: about 380 MB. "
        "Later runs use the same copy."
    )
    assert "about 230 MB" in str(announced(DRY_RUN, MACHINES["Darwin", "arm64"]))


def test_packages_that_are_already_in_the_cache_make_the_size_an_upper_limit() -> None:
    assert "at most 380 MB" in str(announced(DRY_RUN.replace("download 3", "download 1")))


def test_nothing_is_announced_without_a_download() -> None:
    assert announced("Would use project environment at: .venv\nWould make no changes\n") is None
    assert announced(DRY_RUN.replace("Would download 3 packages\n", "")) is None


@pytest.mark.parametrize(
    ("name", "fitting"),
    [
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64", True),
        ("a-1-cp39-abi3-manylinux_2_34_x86_64", True),
        ("a-1-py3-none-any", True),
        ("a-1-py2.py3-none-any", True),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64", False),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64", False),
        ("a-1-cp311-cp311-manylinux_2_17_aarch64", False),
        ("a-1-cp311-cp311-macosx_11_0_x86_64", False),
        ("a-1-cp311-cp311-win_amd64", False),
    ],
)
def test_a_wheel_fits_this_interpreter_and_machine(name: str, *, fitting: bool) -> None:
    assert fits(f"https://files.example/{name}.whl", machine=LINUX, python="cp311") is fitting


def test_a_package_without_a_fitting_wheel_is_downloaded_as_source() -> None:
    assert download_size(LOCK, "old", "1.0", machine=LINUX, python="cp311") == 7
    assert download_size(LOCK, "frameloom", "0.1.0", machine=LINUX, python="cp311") == 0


@pytest.mark.parametrize(("size", "shown"), [(0, 0), (11_000, 1), (99_000_001, 100), (484_000_000, 490)])
def test_sizes_are_rounded_up(size: int, shown: int) -> None:
    assert megabytes(size) == shown


def test_the_size_of_blender_is_read_from_the_lock_of_this_project() -> None:
    lock = tomllib.loads((sync_environment.ROOT / "uv.lock").read_text(encoding="utf-8"))
    bpy = next(package["version"] for package in lock["package"] if package["name"] == "bpy")
    assert download_size(lock, "bpy", bpy, machine=LINUX, python="cp311") > 300_000_000


def test_an_environment_that_is_up_to_date_prints_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    uv = tmp_path / "uv"
    uv.write_text(f'#!/bin/sh\necho "$@" >> {log}\necho "Would make no changes" >&2\n')
    uv.chmod(0o755)
    command = [sys.executable, sync_environment.__file__, str(uv), "--locked", "--extra", "cli"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    assert log.read_text() == "sync --locked --extra cli --dry-run\nsync --locked --extra cli --quiet\n"


def test_a_download_is_announced_before_uv_shows_its_progress(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    lines = DRY_RUN.replace("\n", "\\n")
    script = f'case "$*" in *--dry-run) printf "{lines}" >&2;; *--quiet*) exit 9;; *) echo "Progress" >&2;; esac\n'
    uv.write_text(f"#!/bin/sh\n{script}")
    uv.chmod(0o755)
    command = [sys.executable, sync_environment.__file__, str(uv), "--locked"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second = ran.stderr.splitlines()
    assert first.startswith("Downloading Blender 4.5 as a Python module, and 2 other Python packages: about ")
    assert second == "Progress"
