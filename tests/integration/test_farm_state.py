"""The state file leads commands to a running farm, and to nothing that another user has planted."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from frameloom.local.farm_state import FarmState, held, is_held, started
from frameloom.local.local_farm import LocalFarm
from frameloom.local.user_folder import cache_folder
from frameloom.model.errors import FarmUnavailable
from tests.small_farm import MINI_FARM


def test_a_running_farm_is_found_until_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path / "home"))
    assert FarmState.load() is None
    mine = FarmState(endpoint="http://x", outputs={"A": "b"}, environment={"C": "d"})
    with held():
        assert FarmState.load() is None, "it is not up yet"
        mine.save()
        assert FarmState.load() == mine
        with pytest.raises(FarmUnavailable, match="is starting or ending"), held():
            pass
        assert FarmState.load() == mine, "the refused farm has not changed it"
        (tmp_path / "home" / "farm.json").write_text("{")
        assert FarmState.load() is None
        mine.save()
        assert is_held()
    assert FarmState.load() is None
    assert not is_held()


def test_the_stale_state_of_a_killed_farm_leads_to_no_other_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        stale = FarmState(pid=bystander.pid, began=started(bystander.pid), endpoint="x", outputs={}, environment={})
        with held():
            pass
        stale.save()
        assert FarmState.load() is None, "the lock is free"
        assert not (tmp_path / "farm.json").exists(), "the stale file is removed"
        with held():
            replace(stale, began="before").save()
            found = FarmState.load()
            assert found is None, "another farm holds the lock, and the process has another start time"
            replace(stale, began="before").send(signal.SIGKILL)
            with pytest.raises(subprocess.TimeoutExpired):
                bystander.wait(0.3)
    finally:
        bystander.kill()
        bystander.wait()


def test_the_files_of_a_farm_are_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    monkeypatch.setenv("FRAMELOOM_HOME", str(home))
    with held(), LocalFarm(workers=0, root=MINI_FARM, work_dir=tmp_path / "work") as farm:
        FarmState(endpoint=farm.endpoint, outputs=farm.outputs, environment=farm.environment).save()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, home / "cache", farm.work_dir)}
        assert modes == {"home": 0o700, "cache": 0o700, "work": 0o700}
        assert stat.S_IMODE((home / "farm.json").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create files of another user")
@pytest.mark.parametrize("planted", ["folder", "link"])
def test_a_home_of_another_user_is_refused_and_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, planted: str
) -> None:
    home, mine = tmp_path / "home", tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("FRAMELOOM_HOME", str(mine))
    with held():
        FarmState(endpoint="http://x", outputs={}, environment={}).save()
        if planted == "folder":
            shutil.copytree(mine, home)
        else:
            home.symlink_to(mine)
        os.chown(home, 12345, 12345, follow_symlinks=False)
        monkeypatch.setenv("FRAMELOOM_HOME", str(home))
        assert FarmState.load() is None
        with pytest.raises(FarmUnavailable, match=f"{home} belongs to another user"), held():
            pass
        assert cache_folder() is None


@pytest.mark.parametrize("planted", ["link", "pipe"])
def test_a_planted_lock_is_refused_and_not_followed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, planted: str
) -> None:
    """A folder that was open to others becomes private with the files that they put there."""
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    if planted == "link":
        (tmp_path / "farm.lock").symlink_to(tmp_path / "file of the user")
    else:
        os.mkfifo(tmp_path / "farm.lock")
    assert not is_held()
    with pytest.raises(FarmUnavailable, match=r"farm\.lock (cannot be used|is not a file of yours)"), held():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["farm.lock"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_the_error_of_a_full_disk_names_the_state_file_and_leaves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path))
    full = os.open("/dev/full", os.O_WRONLY)
    really = os.fdopen
    monkeypatch.setattr(os, "fdopen", lambda file, *args: (os.dup2(full, file), really(file, *args))[1])
    with held():
        with pytest.raises(FarmUnavailable, match=r"farm\.json cannot be written: No space left on device"):
            FarmState(endpoint="http://x", outputs={}, environment={}).save()
        assert [path.name for path in tmp_path.iterdir()] == ["farm.lock"]
    os.close(full)
