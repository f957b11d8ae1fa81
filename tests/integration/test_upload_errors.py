"""Attempts that fail through no fault of Blender's: S3 refuses, or the disk is full."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from frameloom.model.log_event import LogEvent
from frameloom.services.images.integrity import check_image
from frameloom.testing import MemoryStore
from tests.scenes import make_scene
from tests.worker_farm import PREFIX, WorkerFarm


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene whose frames take some tenths of a second and hundreds of kilobytes."""
    return make_scene(tmp_path_factory.mktemp("scene") / "shot.blend", frames=(1, 10), size=(480, 270), samples=1)


def test_a_refusal_by_s3_is_not_reported_as_a_fault_of_blender(
    tmp_path: Path, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = WorkerFarm(tmp_path)
    put = MemoryStore.put

    def refuse(store: MemoryStore, bucket: str, key: str, data: bytes, *, content_type: str = "") -> None:
        if bucket == "frames":
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "Access Denied"}}, "PutObject")
        put(store, bucket, key, data, content_type=content_type)

    monkeypatch.setattr(MemoryStore, "put", refuse)
    farm.work(farm.message(scene, "1"))
    error, cause = farm.answers.failed["token"]
    assert error == "WorkerFailed"
    assert cause.startswith("The worker failed at the upload of frame 1, not Blender or the scene: ")
    assert "AccessDenied" in cause
    assert farm.frames() == []
    assert list(farm.scratch.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of a few megabytes, as real as any."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "frameloom-test", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("making a small disk takes the rights to mount one")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607  wherever the system has it


def test_a_full_disk_is_named_and_no_truncated_frame_is_stored(small_disk: Path, scene: Path) -> None:
    farm = WorkerFarm(small_disk)

    def fill() -> None:
        farm.wait_for(LogEvent.FRAME_RENDERED)
        with (small_disk / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(1 << 16))
            except OSError:
                pass

    farm.work(farm.message(scene, "1-10"), beside=fill)
    error, cause = farm.answers.failed["token"]
    assert error in ("FrameInvalid", "RenderCrashed")
    assert "no space" in cause.lower()
    assert 1 <= len(farm.frames()) < 10
    for name in farm.frames():
        check_image(farm.store.get("frames", PREFIX + name) or b"", format="PNG", frame=0, size=(480, 270))
    assert list(farm.scratch.iterdir()) == []
