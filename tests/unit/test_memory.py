"""What memory a container has, by the files of either version of cgroups."""

from pathlib import Path

import pytest

from worker.memory import MEBIBYTE, Memory, memory

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


def test_version_2_says_it_without_what_can_be_dropped(tmp_path: Path, proc: Path) -> None:
    (proc / "self" / "cgroup").write_text(V2)
    v2(tmp_path / "pod" / "worker", 6 * GIBIBYTE, 5 * GIBIBYTE, GIBIBYTE)
    assert memory(tmp_path, proc) == Memory(limit=6 * GIBIBYTE, used=4 * GIBIBYTE)


def test_version_1_says_it_too(tmp_path: Path, proc: Path) -> None:
    (proc / "self" / "cgroup").write_text(V1)
    stat = f"inactive_file 0\ntotal_inactive_file {GIBIBYTE // 4}\ntotal_active_file {GIBIBYTE - GIBIBYTE // 4}"
    put(
        tmp_path / "memory" / "pod" / "worker",
        memory__limit_in_bytes=6 * GIBIBYTE,
        memory__usage_in_bytes=5 * GIBIBYTE,
        memory__stat=stat,
    )
    assert memory(tmp_path, proc) == Memory(limit=6 * GIBIBYTE, used=4 * GIBIBYTE)


def test_whichever_is_nearest_to_its_end_counts(tmp_path: Path, proc: Path) -> None:
    (proc / "self" / "cgroup").write_text(V2)
    v2(tmp_path / "pod" / "worker", "max", 5 * GIBIBYTE)
    v2(tmp_path / "pod", 8 * GIBIBYTE, 7 * GIBIBYTE)
    v2(tmp_path, 64 * GIBIBYTE, 20 * GIBIBYTE)
    assert memory(tmp_path, proc) == Memory(limit=8 * GIBIBYTE, used=7 * GIBIBYTE)


def test_a_container_sees_its_own_as_the_root(tmp_path: Path, proc: Path) -> None:
    # The path is the host's, and there is no such folder.
    (proc / "self" / "cgroup").write_text("0::/../../kubepods/pod1\n")
    v2(tmp_path, 6 * GIBIBYTE, GIBIBYTE)
    assert memory(tmp_path, proc) == Memory(limit=6 * GIBIBYTE, used=GIBIBYTE)


@pytest.mark.parametrize("lines", [None, "", V2, V1])
def test_without_a_limit_there_is_none(tmp_path: Path, proc: Path, lines: str | None) -> None:
    if lines is not None:
        (proc / "self" / "cgroup").write_text(lines)
    v2(tmp_path, "max", GIBIBYTE)
    put(tmp_path / "memory", memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=1, memory__stat="")
    assert memory(tmp_path, proc) is None


@pytest.mark.parametrize(
    ("limit", "left", "short"),
    [
        (1024, 129, False), (1024, 127, True),
        (6144, 310, False), (6144, 300, True),
        (200_000, 1100, False), (200_000, 1000, True),
    ],
)  # fmt: skip
def test_it_is_short_a_twentieth_before_its_end_within_bounds(limit: int, left: int, short: bool) -> None:  # noqa: FBT001
    found = Memory(limit=limit * MEBIBYTE, used=(limit - left) * MEBIBYTE)
    assert found.short is short
