"""`frameloom blender`, with a script in place of uv that installs a package of a few lines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.cli.app import main
from frameloom.local.blender_packages import add_blender, available_blenders
from frameloom.model.errors import FarmUnavailable
from frameloom.services.system.installed_blenders import InstalledBlender, blenders_folder, installed_blenders

# Notes its arguments, installs a package that prints UV_VERSION, and ends with UV_CODE.
UV = """#!{python}
import os, pathlib, sys
pathlib.Path(os.environ["UV_CALLS"]).open("a").write(" ".join(sys.argv[1:]) + "\\n")
package = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "bpy")
package.mkdir()
(package / "__init__.py").write_text(os.environ["UV_PACKAGE"])
sys.exit(int(os.environ["UV_CODE"]))
"""
PACKAGE = "class app:\n    version_string = '5.0.1'\n"


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with the calls of uv; no Blender is added yet."""
    script = tmp_path / "bin/uv"
    script.parent.mkdir()
    script.write_text(UV.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("UV_CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("UV_PACKAGE", PACKAGE)
    monkeypatch.setenv("UV_CODE", "0")
    monkeypatch.setenv("FRAMELOOM_BLENDERS", str(tmp_path / "blenders"))
    return tmp_path / "calls"


def versions() -> list[str]:
    return [each.version for each in installed_blenders()]


def left() -> list[str]:
    """Return the entries of the folder for Blenders, without the lock."""
    return sorted(path.name for path in blenders_folder().iterdir() if path.name != ".lock")


def test_a_blender_is_added_once_listed_and_removed(calls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blender", "add", "5.0"]) == 0
    assert main(["blender", "add", "5.0.1"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["Blender 5.0.1 is installed.", "Blender 5.0.1 is installed already."]
    assert printed.err.startswith("Downloading Blender 5.0.1 as a Python module: 370 MB.")
    (call,) = calls.read_text().splitlines()
    requirements = str(available_blenders()["5.0.1"])
    assert call.endswith(f" --requirement {requirements}")
    assert {"--require-hashes", "--no-deps", sys.executable} <= set(call.split())
    assert main(["blender", "list", "--json"]) == 0
    folder = str(blenders_folder() / "5.0.1")
    assert json.loads(capsys.readouterr().out) == {
        "installed": [
            {"version": "4.5.15", "folder": None, "removable": False},
            {"version": "5.0.1", "folder": folder, "removable": True},
        ],
        "available": [],
    }
    assert main(["blender", "remove", "5.0"]) == 0
    assert capsys.readouterr().out == "Blender 5.0.1 was removed.\n"
    assert left() == []
    assert main(["blender", "list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "4.5.15   in the Python environment",
        "5.0.1    not installed: `frameloom blender add 5.0.1`",
    ]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"UV_CODE": "2"}, "Blender 5.0.1 was not installed: see uv's message above. Nothing was changed."),
        ({"UV_PACKAGE": "raise ImportError('libXi.so.6')"}, "ImportError: libXi.so.6"),
        ({"UV_PACKAGE": PACKAGE.replace("5.0.1", "4.4.0")}, "Blender 5.0.1 does not start on this machine"),
    ],
)
@pytest.mark.usefixtures("calls")
def test_a_failed_installation_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["blender", "add", "5.0"]) == 1
    assert said in capsys.readouterr().err
    assert left() == []
    assert versions() == ["4.5.15"]


@pytest.mark.usefixtures("calls")
def test_a_command_that_was_killed_leaves_nothing_after_the_next_one() -> None:
    half = blenders_folder() / ".unfinished-killed" / "bpy"
    half.mkdir(parents=True)
    assert versions() == ["4.5.15"]
    add_blender("5.0", print)
    assert left() == ["5.0.1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("add 6.0", "VERSION: takes 4.5.15 or 5.0.1, not '6.0'."),
        ("add latest", "VERSION: takes 4.5.15 or 5.0.1, not 'latest'."),
        ("remove 4.5", "VERSION: Blender 4.5.15 is part of Frameloom's Python environment and cannot be removed."),
        ("remove 5.0", "VERSION: Blender 5.0 is not installed; see `frameloom blender list`."),
    ],
)
@pytest.mark.usefixtures("calls")
def test_a_version_that_does_not_fit_is_refused(capsys: pytest.CaptureFixture[str], words: str, said: str) -> None:
    assert main(["blender", *words.split()]) == 2
    assert capsys.readouterr().err == f"frameloom: {said}\n"


def test_a_machine_without_uv_gets_the_remedy(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del calls
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("frameloom.local.blender_packages.find_root", lambda: Path("/nowhere"))
    monkeypatch.setattr("frameloom.local.blender_packages.available_blenders", lambda: {"5.0.1": Path("5.0.txt")})
    with pytest.raises(FarmUnavailable, match=r"^uv is not installed here: `make env` in the checkout fetches it\.$"):
        add_blender("5.0", print)


def test_two_commands_at_once_install_one_copy(calls: Path) -> None:
    add = [sys.executable, "-m", "frameloom", "blender", "add", "5.0"]
    running = [subprocess.Popen(add, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
    assert {each.communicate()[0] for each in running} == {"Blender 5.0.1 is installed.\n"}
    assert len(calls.read_text().splitlines()) == 1
    assert left() == ["5.0.1"]


def test_the_folder_for_blenders_is_in_the_users_data(tmp_path: Path) -> None:
    assert blenders_folder({"FRAMELOOM_BLENDERS": "/b", "XDG_DATA_HOME": "/data"}) == Path("/b")
    assert blenders_folder({"XDG_DATA_HOME": "/data"}) == Path("/data/frameloom/blenders")
    assert blenders_folder({}) == Path.home() / ".local/share/frameloom/blenders"
    for name in ("5.0.1/bpy", "5.1.0", "notes/bpy", ".unfinished-x/bpy", "4.5.15/bpy"):
        (tmp_path / name).mkdir(parents=True)
    found = installed_blenders({"FRAMELOOM_BLENDERS": str(tmp_path)})
    assert found == [
        InstalledBlender(version="4.5.15", folder=None),
        InstalledBlender(version="5.0.1", folder=tmp_path / "5.0.1"),
    ]
