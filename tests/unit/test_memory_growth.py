"""When a Blender whose memory has grown is restarted."""

from frameloom.services.system.memory import MEBIBYTE, Memory
from worker.memory_growth import MemoryAfterChunk, MemoryGrowth


def reasons(
    growth: MemoryGrowth, *used: int, pid: int = 1, scene: str = "shot", lowest: Memory | None = None
) -> list[bool]:
    """Return after which chunks Blender is to be restarted, by the MiB that it uses after each."""
    chunks = (MemoryAfterChunk(pid=pid, scene=scene, used=size * MEBIBYTE, lowest=lowest) for size in used)
    return [growth.restart_reason(chunk) is not None for chunk in chunks]


def growth(allowed: int = 1024) -> MemoryGrowth:
    return MemoryGrowth(allowed=allowed * MEBIBYTE)


def test_blender_is_restarted_when_it_has_grown_by_more_than_is_allowed() -> None:
    assert reasons(growth(), 500, 900, 1500, 1525) == [False, False, False, True]


def test_growth_by_half_of_the_first_size_is_always_allowed() -> None:
    assert reasons(growth(), 8000, 11_999, 12_001) == [False, False, True]
    assert reasons(growth(allowed=1), 8000, 11_999, 12_001) == [False, False, True]


def test_each_scene_is_compared_with_its_own_first_chunk() -> None:
    of_both = growth()
    assert reasons(of_both, 500, scene="small") == [False]
    assert reasons(of_both, 5000, scene="large") == [False]
    # In turn, so that no two chunks of one scene follow each other.
    assert reasons(of_both, 900, scene="small") == [False]
    assert reasons(of_both, 1600, scene="small") == [True]


def test_memory_that_a_new_process_also_uses_is_no_leak() -> None:
    uneven = growth()
    assert reasons(uneven, 500, 3000) == [False, True]
    assert reasons(uneven, 3000, 600, 3500, pid=2) == [False, False, False]
    assert reasons(uneven, 500, 3000, 4600, pid=3) == [False, False, True]


def test_blender_is_restarted_before_a_chunk_that_would_use_up_its_container() -> None:
    # Of 4 GiB a twentieth is to stay free, and the chunks take 300 MiB more each.
    near = Memory(limit=4096 * MEBIBYTE, used=3600 * MEBIBYTE)
    assert reasons(growth(), 500, 800, lowest=near) == [False, True]
    far = Memory(limit=4096 * MEBIBYTE, used=3500 * MEBIBYTE)
    assert reasons(growth(), 500, 800, lowest=far) == [False, False]


def test_blender_is_not_restarted_if_that_would_free_too_little() -> None:
    near = Memory(limit=4096 * MEBIBYTE, used=4000 * MEBIBYTE)
    assert reasons(growth(), 3500, 3600, 3600, lowest=near) == [False, False, False]


def test_only_some_scenes_are_remembered() -> None:
    many = growth()
    assert not any(found for number in range(1000) for found in reasons(many, 500, scene=f"shot {number}"))
    assert len(many._first) == len(many._seen) == 16
