"""Missing files that a job renders without: files that the request allows, and files that no frame shows."""

from pathlib import Path

import pytest

from frameloom.model.allowed_missing import may_miss
from frameloom.model.errors import InvalidRequest, MissingAssets
from frameloom.model.notices import NoticeKind
from frameloom.model.request import JobRequest
from tests.missing_image_scenes import TEXTURE, USES
from tests.scenes import make_scene
from tests.unit.preparation import KEY, Farm


def lost_in(folder: Path, use: str, *, compress: bool = False) -> Farm:
    scene = make_scene(folder / "shot.blend", also=TEXTURE + USES[use][0], compress=compress)
    return Farm(scene.read_bytes())


@pytest.mark.parametrize("use", USES)
def test_a_missing_file_that_no_frame_shows_is_reported_and_any_other_is_refused(use: str, tmp_path: Path) -> None:
    farm = lost_in(tmp_path, use)
    if USES[use][1]:
        farm.prepare({"file": KEY})
        [notice] = farm.job().notices or ()
        assert (notice.kind, notice.items) == (NoticeKind.UNNEEDED, ("//lost.png",))
    else:
        with pytest.raises(MissingAssets, match=r"//lost\.png"):
            farm.prepare({"file": KEY})


def test_a_compressed_file_gives_the_same_result(tmp_path: Path) -> None:
    lost_in(tmp_path, "camera background", compress=True).prepare({"file": KEY})
    with pytest.raises(MissingAssets):
        lost_in(tmp_path, "node with links", compress=True).prepare({"file": KEY})


def test_a_job_that_renders_with_workbench_shows_a_node_without_links(tmp_path: Path) -> None:
    with pytest.raises(MissingAssets):
        lost_in(tmp_path, "node without links").prepare({"file": KEY, "engine": "WORKBENCH"})


@pytest.mark.parametrize(
    ("allowed", "path", "may"),
    [
        ("fail", "//a.png", False),
        ("render", "//a.png", True),
        (("a.png",), "//textures/a.png", True),
        (("a.png",), "//textures/b_a.png", False),
        (("//textures/old_*.png",), "//textures/old_7.png", True),
        (("//textures/old_*.png",), "//other/old_7.png", False),
        (("old_?.png",), "//textures/old_7.png", True),
        (("//textures/a.png",), "//textures\\a.png", True),
        (("//skin.<UDIM>.png",), "//skin.<UDIM>.png", True),
        (("[ab].png",), "//b.png", True),
        (("A.png",), "//a.png", False),
    ],
)
def test_names_and_patterns_select_files(allowed: str | tuple[str, ...], path: str, may: bool) -> None:  # noqa: FBT001
    assert may_miss(allowed, path) is may  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [["//old_*.png", "a.wav"], '["//old_*.png", "a.wav"]'])
def test_a_request_takes_names_as_a_list_and_as_json(value: object) -> None:
    request = JobRequest.read({"file": KEY, "missing_assets": value})
    assert request.missing_assets == ("//old_*.png", "a.wav")
    assert JobRequest.read({"file": KEY, "missing_assets": "a.wav"}).missing_assets == ("a.wav",)
    assert JobRequest.read(request.to_json()).missing_assets == request.missing_assets


@pytest.mark.parametrize("value", ["rendr", "ignore", [], [1], "[oops", ["x" * 2000], 7])
def test_a_value_that_is_no_name_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="missing_assets: takes"):
        JobRequest.read({"file": KEY, "missing_assets": value})


def test_only_files_with_these_names_may_be_missing(tmp_path: Path) -> None:
    farm = lost_in(tmp_path, "node with links")
    with pytest.raises(MissingAssets):
        farm.prepare({"file": KEY, "missing_assets": ["other.png"]})
    farm.prepare({"file": KEY, "missing_assets": ["//lo*.png"]})
    job = farm.job()
    assert job.scene.missing_assets == ("//lo*.png",)
    assert [(one.kind, one.items) for one in job.notices or ()] == [(NoticeKind.MISSING, ("//lost.png",))]
