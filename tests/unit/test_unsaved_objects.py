"""The description of the objects that are lost when a local farm ends."""

import pytest

from frameloom.client.unsaved_objects import losses
from tests.unit.memory_farm import MemoryFarm


@pytest.mark.parametrize(
    ("scenes", "frames", "words"),
    [
        ([], [], ""),
        (["a.blend"], [], "1 scene"),
        (["a.blend", "b/c.BLEND", "a.mp4"], [], "2 scenes and 1 film"),
        (["a.blend", "a.mov", "wood.png"], ["a/1.png", "a/2.png"], "1 scene, 2 frames, 1 film and 1 other file"),
    ],
)
def test_objects_are_counted_by_kind(scenes: list[str], frames: list[str], words: str) -> None:
    farm = MemoryFarm(image=b"").connection()
    for bucket, keys in ((farm.buckets.scenes, scenes), (farm.buckets.frames, frames)):
        for key in keys:
            farm.store.put(bucket, key, b"-")
    assert losses(farm) == words


def test_counting_stops_at_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frameloom.client.unsaved_objects._COUNTED", 2)
    farm = MemoryFarm(image=b"").connection()
    for number in range(3):
        farm.store.put(farm.buckets.frames, f"a/{number}.png", b"-")
    assert losses(farm) == "2 or more frames"
