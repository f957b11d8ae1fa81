"""A Blender whose memory runs out, by the limit of its container and by its own: the worker is there to say so."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from worker.blender import Blender

CHECKOUT = Path(__file__).parents[2]
CGROUPS = Path("/sys/fs/cgroup")
# A worker and Blender with a small scene take 400 MiB. Where the worker is to be quicker than the kernel it takes its
# container for half as large as that does: on a busy machine neither can be counted on.
LIMIT, SEEN = 1600 * 2**20, 800 * 2**20

# Renders a frame of each scene with one Blender after the other, as a worker does, and says how each ended.
WORKER = """
import json, os, resource, sys
from dataclasses import replace
from pathlib import Path
from frameloom.model.errors import FarmError
from frameloom.model.settings import RenderSettings
from worker import blender

scratch, seen, rlimit, *scenes = sys.argv[1:]
real = blender.memory
blender.memory = lambda: replace(real(), limit=int(seen)) if int(seen) else None
child = blender.Blender(scratch=Path(scratch))
for scene in scenes:
    try:
        if int(rlimit):
            child.start()
            resource.prlimit(child.pid, resource.RLIMIT_AS, (int(rlimit), int(rlimit)))
        child.open(Path(scene), RenderSettings(format="PNG"), name=Path(scene).name)
        child.render(1, Path(scratch) / "frame.png")
        print(json.dumps(["rendered", ""]), flush=True)
    except FarmError as error:
        print(json.dumps([type(error).__name__, str(error)]), flush=True)
    rlimit = "0"
child.close()
"""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A scene that wants gigabytes, and one that wants none."""
    folder = tmp_path_factory.mktemp("memory")
    return [make_scene(folder / "hungry.blend", subdivisions=11), make_scene(folder / "modest.blend")]


@pytest.fixture
def container() -> Iterator[Path]:
    """A cgroup with a limit, and no swap to get around it."""
    v1 = CGROUPS / "memory"
    folder = (v1 if v1.is_dir() else CGROUPS) / f"frameloom-test-{uuid.uuid4().hex[:8]}"
    limit = folder / ("memory.limit_in_bytes" if v1.is_dir() else "memory.max")
    try:
        folder.mkdir()
        limit.write_text(str(LIMIT))
    except OSError as error:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip(f"this machine lets no container be made: {error}")
    yield folder
    folder.rmdir()


def run(
    scenes: list[Path], scratch: Path, *, container: Path | None, seen: int = 0, rlimit: int = 0
) -> list[list[str]]:
    """Render the scenes in turn; return how each ended. `seen`: the bytes that the worker takes for its container's."""
    command = [sys.executable, "-c", WORKER, str(scratch), str(seen), str(rlimit), *map(str, scenes)]

    def join() -> None:
        if container is not None:
            (container / "cgroup.procs").write_text(str(os.getpid()))

    ran = subprocess.run(
        command,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        preexec_fn=join,
    )
    assert ran.returncode == 0, (ran.returncode, ran.stdout, ran.stderr[-2000:])
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_blender_that_would_use_up_its_container_is_ended_first_and_the_worker_goes_on(
    scenes: list[Path], container: Path, tmp_path: Path
) -> None:
    (ended, cause), then = run(scenes, tmp_path, container=container, seen=SEEN)
    assert ended == "OutOfMemory"
    assert "at frame 1: " in cause
    assert "MiB of 800 MiB were in use" in cause
    assert then == ["rendered", ""]


def test_where_the_kernel_is_quicker_it_takes_blender_and_not_the_worker(
    scenes: list[Path], container: Path, tmp_path: Path
) -> None:
    (ended, cause), then = run(scenes, tmp_path, container=container)
    assert ended == "OutOfMemory"
    assert "the system killed it" in cause
    assert then == ["rendered", ""]


def test_a_blender_that_is_refused_memory_says_so_and_the_worker_goes_on(scenes: list[Path], tmp_path: Path) -> None:
    # Of addresses: libraries and threads alone reserve gigabytes that nobody uses.
    (ended, cause), then = run(scenes, tmp_path, container=None, rlimit=4 * 2**30)
    assert ended == "OutOfMemory", cause
    assert then == ["rendered", ""]


def test_blender_is_what_the_kernel_would_end_first(scenes: list[Path], tmp_path: Path) -> None:
    child = Blender(scratch=tmp_path)
    try:
        child.start()
        assert child.pid is not None
        child.open(scenes[1], RenderSettings(format="PNG"), name="modest.blend")
        scores = [Path(f"/proc/{pid}/oom_score_adj").read_text().strip() for pid in (child.pid, os.getpid())]
        assert scores[0] == "1000"
        assert scores[1] != "1000"
    finally:
        child.close()


def test_what_a_blender_that_was_killed_left_on_the_disk_goes_before_the_next_one(
    scenes: list[Path], tmp_path: Path
) -> None:
    child = Blender(scratch=tmp_path)
    left = []
    try:
        for _ in range(3):
            child.open(scenes[1], RenderSettings(format="PNG"), name="modest.blend")
            left.append(sorted(path.name for path in (tmp_path / "tmp").iterdir()))
            child.kill()
            child.close()
    finally:
        child.close()
    # A folder of its own for each, which it did not live to remove; never those of the ones before it.
    assert [len(names) for names in left] == [1, 1, 1]
    assert len({name for names in left for name in names}) == 3
