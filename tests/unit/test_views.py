"""The views of a stereo scene and their files."""

import pytest

from frameloom.model.frame_files import FrameFiles, format_of
from frameloom.model.job import OutputRef
from frameloom.model.settings import FrameFormat
from frameloom.model.views import View, Views, ViewsFormat, rendered_views
from frameloom.services.follow_job import _Frames
from frameloom.services.storage import job_documents
from frameloom.testing import MemoryStore
from tests.jobs import BUCKETS, make_job

PAIR = (View(name="left", suffix="_L"), View(name="right", suffix="_R"))


@pytest.mark.parametrize(
    ("held", "file_format", "endings"),
    [("INDIVIDUAL", "PNG", ("_L.png", "_R.png")), ("INDIVIDUAL", "OPEN_EXR", ("_L.exr", "_R.exr")),
     ("STEREO_3D", "JPEG", None), ("MULTIVIEW", "OPEN_EXR", None), ("MULTIVIEW", "PNG", ("_L.png", "_R.png"))],
)  # fmt: skip
def test_individual_views_are_files_with_suffixes(
    held: ViewsFormat, file_format: FrameFormat, endings: tuple[str, ...] | None
) -> None:
    assert Views(rendered=PAIR, format=held).endings(file_format) == endings


def test_a_scene_without_a_view_has_one_file() -> None:
    assert Views(rendered=()).endings("PNG") is None
    assert FrameFiles.of("PNG", None).names(-3) == ("-00003.png",)


def test_a_suffix_makes_no_folder() -> None:
    odd = Views(rendered=(View(name="left", suffix="/../x\n"), View(name="right", suffix="")))
    assert odd.endings("PNG") == ("_.._x_.png", ".png")


def test_views_with_equal_file_names_are_found() -> None:
    assert Views(rendered=PAIR).alike() is None
    again = View(name="centre", suffix="_R")
    assert Views(rendered=(*PAIR, again)).alike() == (PAIR[1], again)


def test_stereo_3d_renders_only_left_and_right() -> None:
    views = [("left", "_L", True), ("right", "_R", False), ("centre", "_C", True)]
    assert [view.name for view in rendered_views(views, stereo=True)] == ["left"]
    assert [view.name for view in rendered_views(views, stereo=False)] == ["left", "centre"]


@pytest.mark.parametrize(
    ("display", "squeezed", "size"),
    [("SIDEBYSIDE", False, (128, 36)), ("SIDEBYSIDE", True, (64, 36)), ("TOPBOTTOM", False, (64, 72)),
     ("TOPBOTTOM", True, (64, 36)), ("ANAGLYPH", False, (64, 36)), ("INTERLACE", False, (64, 36))],
)  # fmt: skip
def test_two_views_beside_each_other_enlarge_the_picture(
    display: str, *, squeezed: bool, size: tuple[int, int]
) -> None:
    views = Views(rendered=PAIR, format="STEREO_3D", display=display, squeezed=squeezed)
    assert views.enlarged((64, 36)) == size
    assert Views(rendered=PAIR, display=display).enlarged((64, 36)) == (64, 36)


def test_the_format_of_a_file_is_that_of_its_name() -> None:
    assert [format_of(name) for name in ("000001_L.png", "000001.x.exr", "1.jpg")] == ["PNG", "OPEN_EXR", "JPEG"]


def test_a_frame_is_present_with_all_of_its_files() -> None:
    store = MemoryStore()
    job = make_job(store, "1-3")
    outputs = job.outputs.model_copy(update={"endings": ("_L.png", "_R.png")})
    stereo = make_job(store, "1-3", outputs=outputs)
    for name in ("000001_L.png", "000002_L.png", "000002_R.png", "000003.png"):
        store.put(BUCKETS.frames, job.outputs.prefix + name, b"image")
    assert job_documents.present_frames(store, stereo) == [2]
    assert job_documents.present_frames(store, job) == [3]
    assert stereo.frame_key(2).endswith("000002_L.png")


def test_a_follower_counts_a_frame_when_all_of_its_files_are_there() -> None:
    store = MemoryStore()
    job = make_job(store, "1-3", outputs=OutputRef(bucket=BUCKETS.frames, prefix="s/0/", endings=("_L.png", "_R.png")))
    frames = _Frames(store, BUCKETS.logs, job)
    for name, done, fresh in (("1_R", 0, ()), ("2_L", 0, ()), ("1_L", 1, (1,)), ("2_R", 2, (2,)), ("3_L", 2, ())):
        store.put(BUCKETS.frames, f"s/0/00000{name}.png", b"image")
        frames.look(0.0)
        assert (frames.done, frames.total, frames.take_fresh()) == (done, 3, fresh)
