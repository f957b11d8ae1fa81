"""The limit and the use of a container's memory, from the files of both cgroup versions."""

from pathlib import Path

import pytest

from frameloom.services.system.memory import Memory, container_memory

GIBIBYTE = 2**30
V2, V1 = "0::/pod/worker\n", "9:cpu,cpuacct:/\n8:memory:/pod/worker\n0::/\n"


def put(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    (tmp_path / "proc" / "self").mkdir(parents=True)
    return tmp_path / "proc"


def v2(folder: Path, limit: object, used: int, droppable: int = 0) -> None:
    stat = f"anon {used}\ninactive_file {droppable // 4}\nactive_file {droppable - droppable // 4}"
    put(folder, memory__max=limit, memory__current=used, memory__stat=stat)


def test_cgroup_v2_counts_no_page_cache_that_can_be_dropped(tmp_path: Path, proc: Path) -> None:
    (proc / "self" / "cgroup").write_text(V2)
    v2(tmp_path / "pod" / "worker", 6 * GIBIBYTE, 5 * GIBIBYTE, GIBIBYTE)
    assert container_memory(tmp_path, proc) == Memory(limit=6 * GIBIBYTE, used=4 * GIBIBYTE)


def test_cgroup_v1_counts_no_page_cache_that_can_be_dropped(tmp_path: Path, proc: Path) -> None:
    (proc / "self" / "cgroup").write_text(V1)
    stat = f"inactive_file 0\ntotal_inactive_file {GIBIBYTE // 4}\ntotal_active_file {GIBIBYTE - GIBIBYTE // 4}"
    put(
        tmp_path / "memory" / "pod" / "worker",
        memory__limit_in_bytes=6 * GIBIBYTE,
        memory__usage_in_bytes=5 * GIBIBYTE,
        memory__stat=stat,
    )
    assert container_memory(tmp_path, proc) == Memory(limit=6 * GIBIBYTE, used=4 * GIBIBYTE)


def test_the_limit_with_the_least_memory_left_applies(tmp_path: Path, proc: Path) -> None:
    (proc / "self" / "cgroup").write_text(V2)
    v2(tmp_path / "pod" / "worker", "max", 5 * GIBIBYTE)
    v2(tmp_path / "pod", 8 * GIBIBYTE, 7 * GIBIBYTE)
    v2(tmp_path, 64 * GIBIBYTE, 20 * GIBIBYTE)
    assert container_memory(tmp_path, proc) == Memory(limit=8 * GIBIBYTE, used=7 * GIBIBYTE)


def test_a_container_without_its_own_path_reads_the_root(tmp_path: Path, proc: Path) -> None:
    # The path is the host's; the container has no such folder.
    (proc / "self" / "cgroup").write_text("0::/../../kubepods/pod1\n")
    v2(tmp_path, 6 * GIBIBYTE, GIBIBYTE)
    assert container_memory(tmp_path, proc) == Memory(limit=6 * GIBIBYTE, used=GIBIBYTE)


@pytest.mark.parametrize("lines", [None, "", V2, V1])
def test_a_container_without_a_limit_has_no_figure(tmp_path: Path, proc: Path, lines: str | None) -> None:
    if lines is not None:
        (proc / "self" / "cgroup").write_text(lines)
    v2(tmp_path, "max", GIBIBYTE)
    put(tmp_path / "memory", memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=1, memory__stat="")
    assert container_memory(tmp_path, proc) is None
