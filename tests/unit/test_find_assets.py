"""The keys of a scene's assets, and the search for them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.assets import Reference, key_of, key_pattern
from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest, SceneUnreadable
from frameloom.services.scene import find_assets
from frameloom.services.scene.find_assets import FoundAssets
from frameloom.testing import MemoryStore
from tests.scenes import make_scene

SCENE = "film/shot.blend"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("//wood.png", "film/wood.png"),
        ("//textures/wood.png", "film/textures/wood.png"),
        ("//./textures//wood.png", "film/textures/wood.png"),
        ("//..\\textures\\wood.png", "textures/wood.png"),
        ("//../textures/wood.png", "textures/wood.png"),
        ("//textures/Holz, närrisch.png", "film/textures/Holz, närrisch.png"),
    ],
)
def test_a_path_from_the_scenes_folder_is_a_key_in_the_bucket(path: str, key: str) -> None:
    assert key_of(SCENE, path) == key


@pytest.mark.parametrize(
    "path",
    [
        "/home/anna/wood.png", "C:\\textures\\wood.png", "textures/wood.png", "", "//../..", "//../../wood.png",
        "//a/../../../film/wood.png", "///wood.png", "//C:\\wood.png", "//\\\\server\\wood.png", "//wood\n.png",
        "//" + "long" * 300,
    ],
)  # fmt: skip
def test_a_path_that_no_bucket_can_hold_has_no_key(path: str) -> None:
    assert key_of(SCENE, path) is None


@given(st.lists(st.sampled_from(["..", ".", "a", "C:", "\\", "/", "..\\", "", "\0"])).map("/".join))
def test_no_path_leads_out_of_the_bucket(path: str) -> None:
    key = key_of(SCENE, f"//{path}")
    if key is not None:
        parts = key.split("/") if key else []
        assert not {"", ".", ".."} & set(parts)
        assert "\\" not in key


@pytest.mark.parametrize(
    ("kind", "name", "fits", "others"),
    [
        ("sequence", "plate_0001.png", ["plate_0001.png", "plate_12.png"], ["plate_.png", "plate_1b.png", "plate_1.x"]),
        ("sequence", "v2_010_final.png", ["v2_3_final.png"], ["v3_010_final.png"]),
        ("tiles", "skin.<UDIM>.png", ["skin.1001.png", "skin.1012.png"], ["skin.1.png", "skin.<UDIM>.png"]),
        ("tiles", "skin.<UVTILE>.png", ["skin.u1_v1.png"], ["skin.1001.png"]),
        ("tiles", "skin.1001.png", ["skin.1002.png"], ["skin.png"]),
    ],
)  # fmt: skip
def test_a_sequence_or_tiles_match_files_that_differ_in_a_number(
    kind: Any, name: str, fits: list[str], others: list[str]
) -> None:
    keys = key_pattern(f"a/{name}", Reference(path="", kind=kind))
    assert keys is not None
    assert all(f"a/{fit}".startswith(keys.prefixes) for fit in fits)
    assert [one for one in [*fits, *others] if keys.expression.fullmatch(f"a/{one}")] == fits


@pytest.mark.parametrize("name", ["plate.png", "plate", "1/plate.png"])
def test_a_sequence_without_a_number_is_one_file(name: str) -> None:
    assert key_pattern(name, Reference(path="", kind="sequence")) is None


def store(*keys: str) -> MemoryStore:
    there = MemoryStore()
    for key in keys:
        there.put("scenes", key, key.encode())
    return there


def find(there: MemoryStore, *references: Reference) -> FoundAssets:
    return find_assets.find_assets(there, "scenes", SCENE, references)


def test_existing_files_are_found_with_versions_and_missing_ones_listed_by_path() -> None:
    there = store("film/wood.png", "elsewhere/stone.png")
    there.put("scenes", "film/wood.png", b"newer")
    found = find(there, Reference(path="//stone.png"), Reference(path="//wood.png"), Reference(path="/wood.png"))
    assert [(asset.key, asset.version, asset.size) for asset in found.assets] == [("film/wood.png", "v2", 5)]
    assert found.missing == ("/wood.png", "//stone.png")


def test_a_sequence_is_missing_only_if_all_its_files_are() -> None:
    there = store("film/plate_0007.png", "film/plate_0008.png", "film/plate.png")
    found = find(there, Reference(path="//plate_0001.png", kind="sequence"))
    assert [asset.key for asset in found.assets] == ["film/plate_0007.png", "film/plate_0008.png"]
    assert found.missing == ()
    assert find(there, Reference(path="//p.<UDIM>.png", kind="tiles")).missing == ("//p.<UDIM>.png",)


def test_the_references_of_a_library_are_relative_to_its_folder(tmp_path: Path) -> None:
    library = make_scene(tmp_path / "set.blend", missing_image="//textures/wood.png").read_bytes()
    reference = Reference(path="//../sets/set.blend", library=True)
    there = store()
    there.put("scenes", "sets/set.blend", library)
    assert find(there, reference).missing == ("//textures/wood.png (of //../sets/set.blend)",)
    there.put("scenes", "sets/textures/wood.png", b"wood")
    found = find(there, reference)
    assert [asset.key for asset in found.assets] == ["sets/set.blend", "sets/textures/wood.png"]
    assert found.missing == ()


def test_libraries_may_refer_to_each_other(tmp_path: Path) -> None:
    camera = make_scene(tmp_path / "camera.blend")
    there = store()
    for own, other in (("one", "two"), ("two", "one")):
        scene = make_scene(tmp_path / "set.blend", camera=False, library=camera, library_path=f"//{other}.blend")
        there.put("scenes", f"film/{own}.blend", scene.read_bytes())
    found = find(there, Reference(path="//one.blend", library=True))
    assert [asset.key for asset in found.assets] == ["film/one.blend", "film/two.blend"]


def test_an_unreadable_library_is_refused_with_its_key() -> None:
    with pytest.raises(SceneUnreadable, match=r"film/set\.blend"):
        find(store("film/set.blend"), Reference(path="//set.blend", library=True))


def test_more_files_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_assets, "MAX_ASSETS", 3)
    find(store(), *(Reference(path=f"//{number}.png") for number in range(2)))
    with pytest.raises(SceneUnreadable, match="more than 3 files"):
        find(store(), *(Reference(path=f"//{number}.png") for number in range(3)))
    sequence = Reference(path="//1.png", kind="sequence")
    with pytest.raises(SceneUnreadable, match="more than 3 files"):
        find(store("film/1.png", "film/2.png", "film/3.png"), sequence)


def test_more_sequences_than_the_limit_are_refused_before_any_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_assets, "MAX_ASSETS", 3)
    monkeypatch.setattr(MemoryStore, "list", None)
    with pytest.raises(SceneUnreadable, match="more than 3 files"):
        find(store(), *(Reference(path=f"//{name}1.png", kind="sequence") for name in "abcd"))


def test_the_list_of_missing_files_is_limited() -> None:
    assert listed(["//a.png", "//b.png"]) == "//a.png, //b.png"
    line = listed([f"//{'x' * 1000}{number}.png" for number in range(5000)])
    assert line.endswith(" and 4,980 more")
    assert len(line) < 3000


def test_an_unbaked_simulation_is_refused_unless_the_scene_is_trusted() -> None:
    found = find(store(), Reference(path="/home/anna/fluid", kind="fluid", required=False, written=True))
    assert (found.missing, found.written) == ((), ("/home/anna/fluid",))
    with pytest.raises(InvalidRequest, match="would write to /home/anna/fluid: bake the"):
        found.check(file=SCENE, trusted=False)
    found.check(file=SCENE, trusted=True)
    find(store(), Reference(path="//fluid", kind="fluid")).check(file=SCENE, trusted=False)
