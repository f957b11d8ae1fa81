"""The choice of the Blender that renders a scene."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.blenders import choose_blender, numbers_of, parse_blenders, series_of
from frameloom.model.errors import InvalidRequest, JobImpossible, SceneTooNew

BOTH = ("4.5.15", "5.0.1")


def chosen(saved_by: str, blenders: tuple[str, ...] = BOTH, *, wanted: str | None = None) -> str:
    return choose_blender(wanted, saved_by=series_of(saved_by), blenders=blenders, file="shot.blend")


@pytest.mark.parametrize(
    ("saved_by", "blenders", "found"),
    [
        ("4.5", BOTH, "4.5.15"),
        ("5.0", BOTH, "5.0.1"),
        ("2.79", BOTH, "4.5.15"),
        ("4.4", ("5.0.1",), "5.0.1"),
        # The nearest newer LTS, not the nearest newer version.
        ("4.3", ("4.4.3", "4.5.15", "5.0.1"), "4.5.15"),
        ("3.6", ("4.2.16", "4.5.15"), "4.2.16"),
        # A series of its own needs no LTS.
        ("4.4", ("4.4.3", "4.5.15"), "4.4.3"),
        # No LTS is newer: the nearest newer version.
        ("4.6", ("4.5.15", "5.0.1", "5.1.0"), "5.0.1"),
        ("4.5", ("4.5.9", "4.5.15"), "4.5.15"),
    ],
)
def test_a_scene_is_rendered_by_its_own_series_or_the_nearest_newer_lts(
    saved_by: str, blenders: tuple[str, ...], found: str
) -> None:
    assert chosen(saved_by, blenders) == found
    assert chosen(saved_by, blenders[::-1]) == found


@pytest.mark.parametrize(
    ("wanted", "found"), [("4.5", "4.5.15"), ("4.5.9", "4.5.9"), ("5.0", "5.0.1"), ("5.0.1", "5.0.1")]
)
def test_a_request_names_a_series_or_a_full_version(wanted: str, found: str) -> None:
    assert chosen("4.2", ("4.5.9", "4.5.15", "5.0.1"), wanted=wanted) == found


@pytest.mark.parametrize("wanted", ["4.6", "4.5.1", "4", "latest", "", "4.5.15.1"])
def test_an_unknown_blender_is_refused_with_those_of_the_farm(wanted: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        chosen("4.2", wanted=wanted)
    how = "name one of them, or leave it out"
    assert str(raised.value) == f"blender: this farm has Blender 4.5.15 and 5.0.1, not {wanted!r}: {how}."


def test_a_named_blender_that_is_older_than_the_scene_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^blender: Blender 5\.0 saved 'shot\.blend', and 4\.5 would lose parts"):
        chosen("5.0", wanted="4.5")


@pytest.mark.parametrize("saved_by", ["5.1", "10.0"])
@pytest.mark.parametrize("wanted", [None, "5.0"])
def test_a_scene_that_is_newer_than_all_blenders_is_refused_with_the_remedy(saved_by: str, wanted: str | None) -> None:
    with pytest.raises(SceneTooNew) as raised:
        chosen(saved_by, wanted=wanted)
    assert raised.value.facts == {
        "file": "shot.blend",
        "version": saved_by,
        "held": "4.5.15 and 5.0.1",
        "newest": "5.0",
    }
    assert f"`frameloom blender add {saved_by}`" in str(raised.value)


VERSIONS = st.builds("{}.{}.{}".format, st.integers(2, 6), st.integers(0, 12), st.integers(0, 20))


@given(st.lists(VERSIONS, min_size=1, unique=True), st.tuples(st.integers(3, 6), st.integers(0, 12)))
def test_the_chosen_blender_is_one_of_the_farms_and_not_older_than_the_scene(
    blenders: list[str], saved_by: tuple[int, int]
) -> None:
    try:
        found = choose_blender(None, saved_by=saved_by, blenders=blenders, file="shot.blend")
    except JobImpossible:
        assert all(series_of(version) < saved_by for version in blenders)
    else:
        assert found in blenders
        assert series_of(found) >= saved_by
        same = [version for version in blenders if series_of(version) == series_of(found)]
        assert found == max(same, key=numbers_of)


@pytest.mark.parametrize("text", ["5.0.1 4.5.15", "4.5.15,5.0.1", " 4.5.15  5.0.1 5.0.1"])
def test_the_versions_of_a_stack_are_sorted_and_each_once(text: str) -> None:
    assert parse_blenders(text) == BOTH


@pytest.mark.parametrize("text", ["", " ", "4.5.15 five", "4"])
def test_a_text_without_versions_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"takes versions such as '4\.5\.15 5\.0\.1'"):
        parse_blenders(text)


@pytest.mark.parametrize(
    ("saved_by", "big_endian", "lost"),
    [((2, 49), False, "drops the animation"), ((2, 79), True, "does not open files of big-endian machines")],
)
def test_a_file_that_blender_5_loses_parts_of_is_rendered_by_an_older_one_or_refused(
    saved_by: tuple[int, int], *, big_endian: bool, lost: str
) -> None:
    def chosen(*blenders: str, wanted: str | None = None) -> str:
        return choose_blender(wanted, saved_by=saved_by, blenders=blenders, file="old.blend", big_endian=big_endian)

    assert chosen("4.5.15", "5.2.0") == "4.5.15"
    with pytest.raises(InvalidRequest, match=lost):
        chosen("5.0.1")
    with pytest.raises(InvalidRequest, match=r"5\.2 would lose parts of it"):
        chosen("4.5.15", "5.2.0", wanted="5.2")
