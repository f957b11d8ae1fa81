"""Files of old Blenders: with the structs of 2.43, pointers of 32 bits, and of big-endian machines.

The expected values are those of Blender's conversion, which `tests/compatibility/facts.py` compares on real files.
"""

from fractions import Fraction
from typing import Any

import pytest

from frameloom.model.assets import Reference
from frameloom.model.scene import SceneFacts
from tests.unit.blends import read
from tests.unit.old_blends import STRUCTS_243, OldBlend

LAYOUTS = [pytest.param(order, size, id=f"{order}{size}") for order in "<>" for size in (4, 8)]


def facts_of(old: OldBlend) -> SceneFacts:
    return read(old.data())


@pytest.mark.parametrize(("order", "pointer"), LAYOUTS)
def test_the_scene_of_an_old_file_is_read_in_each_layout(order: str, pointer: int) -> None:
    old = OldBlend(order=order, pointer=pointer)
    old.add_scene()
    facts = facts_of(old)
    [entry] = facts.scenes
    assert (facts.blender_version, facts.big_endian, facts.active, facts.cameras) == (
        (2, 43),
        order == ">",
        "Old",
        ("Eye",),
    )
    assert (entry.frame_start, entry.frame_end, entry.frame_step, entry.fps) == (3, 12, 1, Fraction(30))
    assert (entry.size, entry.percentage, entry.pixel_aspect) == ((640, 480), 75, Fraction(59, 54))
    # No engine stands for Blender Internal. Until 2.60, the codec was in the low bits of the quality.
    assert (entry.engine, entry.format, entry.exr_codec, entry.camera) == ("", "OPEN_EXR", "PIZ", "Eye")


def test_a_file_without_a_subversion_is_read() -> None:
    old = OldBlend(version=242)
    old.add_scene()
    assert facts_of(old).blender_version == (2, 42)


def test_the_border_and_the_flags_of_an_old_scene_have_todays_meaning() -> None:
    border = {"r.border.xmin": 0.25, "r.border.xmax": 0.5, "r.border.ymin": 0.0, "r.border.ymax": 0.75}
    old = OldBlend(order=">")
    old.add_scene(**border, **{"r.mode": 1 << 9 | 1 << 11, "r.scemode": 1 << 9})
    [entry] = facts_of(old).scenes
    assert (entry.crop, entry.single_layer) == ((0.25, 0.0, 0.5, 0.75), True)
    [entry] = read(_with_border_alone().data()).scenes
    assert entry.crop is None


def _with_border_alone() -> OldBlend:
    old = OldBlend()
    old.add_scene(**{"r.mode": 1 << 9})
    return old


def test_a_frame_rate_base_of_0_in_an_old_file_is_1() -> None:
    structs = dict(STRUCTS_243)
    structs["RenderData"] = [*structs["RenderData"], "float frs_sec_base", "short frame_step"]
    old = OldBlend(version=244, structs=structs)
    old.add_scene()
    [entry] = facts_of(old).scenes
    assert (entry.fps, entry.frame_step) == (Fraction(30), 1)


def strips(*, muted: bool = False) -> OldBlend:
    old = OldBlend(order=">")
    sequence = {"type": 0, "strip": 96, "flag": 1 << 5 if muted else 0}
    old.add_scene(
        ("Editing", 64, [{"seqbase.first": 80, "seqbase.last": 80}]),
        ("Sequence", 80, [sequence]),
        ("Strip", 96, [{"dir": "//frames/", "stripdata": 112}]),
        ("StripElem", 112, [{"name": "a1.png"}, {"name": "a2.png"}]),
        **{"r.scemode": 1, "ed": 64, "camera": 0},
    )
    return old


def test_the_strips_of_an_old_file_are_read_and_need_no_camera() -> None:
    facts = facts_of(strips())
    assert [reference.path for reference in facts.references] == ["//frames/a1.png", "//frames/a2.png"]
    assert facts.pick().sources.strips
    assert not any(reference.required for reference in facts_of(strips(muted=True)).references)


@pytest.mark.parametrize("absolute", ["filename", "filepath"])
def test_the_path_of_a_library_is_that_of_the_file_and_not_of_the_machine_that_saved_it(absolute: str) -> None:
    """The absolute path is in `filename` until 2.49, and in `filepath` until 2.92."""
    structs = {**STRUCTS_243, "Library": ["ID id", "char name[240]", f"char {absolute}[240]"]}
    old = OldBlend(structs=structs)
    old.add_scene()
    old.add("LI", "Library", 176, {"id.name": "LIlib", "name": "//lib.blend", absolute: "C:\\ann\\lib.blend"})
    old.add("ID", "ID", 192, {"name": "OBThing", "lib": 176})
    facts = facts_of(old)
    assert [(one.path, one.library) for one in facts.references] == [("//lib.blend", True)]
    assert facts.linked_objects == ("Thing",)


def image(name: str, structs: dict[str, list[str]] | None = None, **more: Any) -> tuple[Reference, ...]:
    old = OldBlend(structs=structs or STRUCTS_243)
    old.add_scene()
    old.add("IM", "Image", 128, {"id.name": f"IM{name}", "name": "//wood.png"} | more)
    return facts_of(old).references


def test_an_image_before_sources_existed_is_a_file_unless_the_renderer_made_it() -> None:
    before = {**STRUCTS_243, "Image": ["ID id", "char name[160]", "void *packedfile"]}
    assert [one.path for one in image("wood", before)] == ["//wood.png"]
    assert image("Render Result", before) == image("Viewer Node", before) == ()
    assert image("wood", before, packedfile=8) == image("wood", source=1, packedfile=8) == ()
    assert [one.kind for one in image("wood", source=2)] == ["sequence"]


def test_a_sound_is_packed_by_either_of_its_fields() -> None:
    for packed in (0, 8):
        old = OldBlend()
        old.add_scene()
        old.add("SO", "bSound", 160, {"id.name": "SObang", "name": "//bang.wav", "newpackedfile": packed})
        assert [one.path for one in facts_of(old).references] == ([] if packed else ["//bang.wav"])
