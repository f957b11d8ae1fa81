"""The metadata that a scene burns into its frames: found in its file, part of the render key, and announced."""

from pathlib import Path

import pytest

from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.stamps import FILENAME, OF_MACHINE, stamp_notices
from frameloom.services.scene.reader import read_scene
from tests.scenes import make_scene
from tests.unit.preparation import resolved

BURNT = "for each in ({parts}): setattr(scene.render, 'use_stamp_' + each, True)\nscene.render.use_stamp = {burnt}\n"
ALL_OFF = "for each in dir(scene.render): each.startswith('use_stamp_') and setattr(scene.render, each, False)\n"


def stamped(path: Path, *parts: str, burnt: bool = True) -> Path:
    return make_scene(path, also=ALL_OFF + BURNT.format(parts="".join(f"{part!r}, " for part in parts), burnt=burnt))


def test_the_parts_of_a_burnt_stamp_that_depend_on_the_machine_are_found(tmp_path: Path) -> None:
    parts = ("date", "render_time", "memory", "hostname", "filename", "frame", "camera")
    facts = read_scene(stamped(tmp_path / "shot.blend", *parts))
    assert facts.scenes[0].stamp == (*OF_MACHINE.values(), FILENAME)


@pytest.mark.parametrize(
    ("parts", "burnt"), [(("frame", "scene", "camera", "marker", "note"), True), (("filename",), False)]
)
def test_other_stamps_render_as_before(tmp_path: Path, parts: tuple[str, ...], *, burnt: bool) -> None:
    found = resolved(stamped(tmp_path / "shot.blend", *parts, burnt=burnt))
    assert (found.notices, found.stamped, found.revision) == ((), None, 1)


def test_a_burnt_file_name_is_part_of_the_render_key(tmp_path: Path) -> None:
    scene = stamped(tmp_path / "shot.blend", "filename")
    found = resolved(scene)
    assert (found.stamped, found.revision) == ("shot.blend", 2)
    plain = resolved(make_scene(tmp_path / "plain.blend"))
    keys = {found.render_key, resolved(scene, samples=2).render_key, plain.render_key}
    assert len(keys) == 3


def test_a_notice_names_each_part_as_blenders_panel_does(tmp_path: Path) -> None:
    scene = stamped(tmp_path / "shot.blend", "filename", "date", "hostname", "frame")
    text = (
        "The metadata that scene 'Scene' burns into its frames leaves out Date, Hostname, which would differ between "
        "workers, and shows 'shot.blend' without its folder as Filename."
    )
    assert resolved(scene).notices == (
        Notice(kind=NoticeKind.STAMP, text=text, items=("Date", "Hostname", "Filename")),
    )


def test_a_stamp_without_such_parts_has_no_notice() -> None:
    assert list(stamp_notices((), scene="Scene", file="shot.blend")) == []
