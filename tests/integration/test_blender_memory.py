"""Blender runs out of memory, by its container's limit or its own: the worker survives and reports it."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from frameloom.model.errors import RenderCrashed
from frameloom.model.log_event import LogEvent
from frameloom.model.settings import RenderSettings
from frameloom.services.system.memory import Memory
from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm
from worker import blender
from worker.blender import Blender, BlenderKilled

# Leaks 256 MiB with each frame, and writes the frame and the process id.
LEAK = """
import bpy, os
leaked = []
def leak(scene, *_):
    leaked.append(b"x" * 2**28)
    print(f"frame {{scene.frame_current}} in {{os.getpid()}}", file=open({path!r}, "a"))
bpy.app.handlers.render_pre.append(leak)
"""
CHECKOUT = Path(__file__).parents[2]
CGROUPS = Path("/sys/fs/cgroup")
# A worker and Blender with a small scene use 400 MiB. To be quicker than the kernel, the worker sees half of the
# container's limit: on a busy machine either could be first.
LIMIT, SEEN = 1600 * 2**20, 800 * 2**20

# Renders a frame of each scene with one Blender after the other, as a worker does, and prints the results.
WORKER = """
import json, os, resource, sys
from dataclasses import replace
from pathlib import Path
from frameloom.model.errors import FarmError
from frameloom.model.settings import RenderSettings
from worker import blender

scratch, seen, rlimit, read, *scenes = sys.argv[1:]
real = blender.container_memory
blender.container_memory = lambda: replace(real(), limit=int(seen)) if int(seen) else None
# Counted for its own container. The kernel drops pages that were read more than once last.
for _ in range(3 if read else 0):
    with open(read, "rb") as file:
        while file.read(2**20):
            pass
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
    """A scene that needs gigabytes, and a small scene."""
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
    scenes: list[Path], scratch: Path, *, container: Path | None, seen: int = 0, rlimit: int = 0, read: str = ""
) -> list[list[str]]:
    """Render the scenes in turn; return the result of each.

    Args:
        seen: the limit of the container that the worker sees, in bytes.
        read: a file that the worker reads several times first.
    """
    command = [sys.executable, "-c", WORKER, str(scratch), str(seen), str(rlimit), read, *map(str, scenes)]

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


def test_a_blender_that_would_use_up_its_container_is_killed_and_the_worker_goes_on(
    scenes: list[Path], container: Path, tmp_path: Path
) -> None:
    (ended, cause), then = run(scenes, tmp_path, container=container, seen=SEEN)
    assert ended == "OutOfMemory"
    assert "at frame 1: " in cause
    assert "MiB of 800 MiB were in use" in cause
    assert then == ["rendered", ""]


def test_page_cache_does_not_count_as_blenders_memory(scenes: list[Path], container: Path, tmp_path: Path) -> None:
    read = tmp_path / "textures"
    # Pages count for the process that reads them first, so the worker reads them, not this process.
    with read.open("wb") as file:
        file.truncate(LIMIT * 9 // 10)
    os.sync()
    ended = run(scenes[1:], tmp_path, container=container, seen=LIMIT, read=str(read))
    assert ended == [["rendered", ""]]


def test_the_kernel_kills_blender_and_not_the_worker_when_memory_runs_out(
    scenes: list[Path], container: Path, tmp_path: Path
) -> None:
    (ended, cause), then = run(scenes, tmp_path, container=container)
    assert ended == "OutOfMemory"
    assert "the system killed it" in cause
    assert then == ["rendered", ""]


def test_a_blender_whose_allocation_fails_is_out_of_memory_and_the_worker_goes_on(
    scenes: list[Path], tmp_path: Path
) -> None:
    # A limit of address space: libraries and threads alone reserve gigabytes that they do not use.
    (ended, cause), then = run(scenes, tmp_path, container=None, rlimit=4 * 2**30)
    assert ended == "OutOfMemory", cause
    assert then == ["rendered", ""]


def test_the_kernel_would_kill_blender_first(scenes: list[Path], tmp_path: Path) -> None:
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


def test_temporary_files_of_a_killed_blender_are_removed_before_the_next_start(
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
    # Each process has a folder, which it could not remove; the folders of earlier processes are gone.
    assert [len(names) for names in left] == [1, 1, 1]
    assert len({name for names in left for name in names}) == 3
    assert not (tmp_path / "tmp").exists()


def test_the_file_of_a_frame_that_blender_did_not_finish_is_removed(scenes: list[Path], tmp_path: Path) -> None:
    child, path = Blender(scratch=tmp_path), tmp_path / "frame.png"
    try:
        child.open(scenes[1], RenderSettings(format="PNG"), name="modest.blend")
        # As in the middle of writing: the file exists and is incomplete.
        path.write_bytes(b"half a fra")
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSEGV)
        with pytest.raises(RenderCrashed):
            child.render(1, path)
        assert not path.exists()
    finally:
        child.close()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_kill_at_the_moment_when_memory_runs_out_counts_as_a_kill(
    scenes: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    child = Blender(scratch=tmp_path)
    # Makes a failing test fail rather than hang.
    child.silence_timeout = timedelta(seconds=20)
    reset = child._reset

    def ended_meanwhile() -> None:
        child.kill()
        reset()

    def short() -> Memory:
        if when == "before":
            child.kill()
        else:
            # The lease ends while the worker waits for Blender's exit.
            monkeypatch.setattr(child, "_reset", ended_meanwhile)
        return Memory(limit=1, used=1)

    try:
        child.open(scenes[1], RenderSettings(format="PNG"), name="modest.blend")
        monkeypatch.setattr(blender, "container_memory", short)
        # Stopped, so that it cannot answer before the first check.
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(BlenderKilled):
            child.render(1, tmp_path / "frame.png")
    finally:
        monkeypatch.undo()
        child.close()


def test_a_leaking_blender_is_restarted_between_chunks_and_no_frame_is_rendered_twice(
    farm: WorkerFarm, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    scene = make_scene(tmp_path / "leak.blend", frames=(1, 3), script=LEAK.format(path=str(said)))
    chunks = [farm.message(scene, frame, token=frame, trust_scripts=True) for frame in "123"]
    farm.work(*chunks, growth=64 * 2**20)
    assert list(farm.answers.succeeded) == ["1", "2", "3"]
    assert farm.queue.deleted == chunks
    assert (farm.answers.failed, farm.queue.sent) == ({}, [])
    rendered = [line.split() for line in said.read_text().splitlines()]
    assert [frame for _, frame, _, _ in rendered] == ["1", "2", "3"]
    # The memory after the first chunk is the scene's own; the growth after the second chunk is too much.
    assert list(Counter(pid for *_, pid in rendered).values()) == [2, 1]
    [line] = [record for record in farm.records if record.get("event") == LogEvent.BLENDER_RESTARTED]
    assert line["chunk_id"] == "1-2"
    assert "MiB more than after its first chunk" in line["facts"]["reason"]
