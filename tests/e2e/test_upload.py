"""A scene on this disk and all that it refers to, on their way to a farm: processes, S3, and a real Blender."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from frameloom.client.job_request import place_of
from frameloom.local.farm_state import FarmState
from tests.e2e.rig import wait
from tests.e2e.test_command_line import CommandLine
from tests.farm_client import farm_client
from tests.scenes import make_scene

# Enough that their upload takes a while, whatever the machine.
PLATES = 300
ALSO = f"""
cache = bpy.data.objects["Cube"].modifiers.new("cache", "MESH_CACHE")
cache.cache_format, cache.filepath = "PC2", "//caches/cube.pc2"
strip = scene.sequence_editor_create().strips.new_image("strip", "//plates/0000.png", 1, 1)
strip.directory = "//plates"
for number in range(1, {PLATES}):
    strip.elements.append(f"{{number:04}}.png")
strip.mute = True
"""


@pytest.fixture
def frameloom(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene that refers to some hundred files beside it."""
    folder = tmp_path / "film"
    for name in ("plates", "caches"):
        (folder / name).mkdir(parents=True)
    for number in range(PLATES):
        Image.new("RGB", (64, 36), (number % 256, number // 256, 0)).save(folder / f"plates/{number:04}.png")
    (folder / "caches/cube.pc2").write_bytes(b"not a cache")
    return make_scene(folder / "shot.blend", also=ALSO)


@pytest.fixture
def farm(frameloom: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    monkeypatch.setenv("FRAMELOOM_HOME", str(tmp_path / "home"))
    process = frameloom.start("farm", "up", "--workers", "1")
    wait(lambda: FarmState.load() is not None or process.poll() is not None, "the farm")
    assert process.poll() is None, process.communicate()
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate()


@pytest.mark.usefixtures("farm")
def test_an_upload_that_was_killed_goes_on_where_it_was_and_each_file_goes_up_once(
    frameloom: CommandLine, scene: Path
) -> None:
    state = FarmState.load()
    assert state is not None
    s3, bucket = farm_client(state.environment, "s3"), state.outputs["ScenesBucketName"]

    folder = place_of(scene).removesuffix("shot.blend")

    def there() -> list[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"].removeprefix(folder) for page in pages for found in page.get("Contents", [])]

    def versions() -> dict[str, str]:
        return {key: s3.head_object(Bucket=bucket, Key=folder + key)["VersionId"] for key in there()}

    first = frameloom.start("render", scene, "--frames", "1", "--frames-only", "--out", frameloom.out)
    wait(there, "the first file")
    first.kill()
    first.communicate()
    before = versions()
    assert 0 < len(before) <= PLATES

    answer = frameloom.run("render", scene, "--frames", "1", "--frames-only")
    assert answer["frames"]["rendered"] == 1
    after = versions()
    assert set(after) == {"shot.blend", "caches/cube.pc2", *(f"plates/{number:04}.png" for number in range(PLATES))}
    # A second upload would be another version.
    assert before.items() <= after.items()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)

    again = frameloom.run("render", scene, "--frames", "1", "--frames-only")
    assert again["frames"]["reused"] == 1
    assert versions() == after
