"""The keys of S3 objects and the ids of jobs."""

import json
import re
import string
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frameloom.model import keys
from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import FIRST_FRAME, LAST_FRAME
from frameloom.model.request import scene_file
from frameloom.model.settings import EXTENSIONS, FrameFormat, RenderSettings, VideoSettings

formats = st.sampled_from(sorted(EXTENSIONS))
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
render_settings = st.builds(
    RenderSettings,
    blender=st.sampled_from(["4.5.15", "5.0.1", None]),
    device=st.sampled_from(["CUDA", "OPTIX", None]),
    scene=st.sampled_from(["Scene", "Other", None]),
    camera=st.sampled_from(["Camera", "Other", None]),
    engine=st.sampled_from(["CYCLES", "EEVEE", "WORKBENCH", None]),
    samples=st.sampled_from([1, 16, None]),
    resolution_percentage=st.sampled_from([10, 100, None]),
    format=formats,
    trust_scripts=st.sampled_from([True, None]),
)
# The characters for the name of an execution that are safe in ARNs and in the console of Step Functions.
LEGAL_JOB_ID = re.compile(r"[A-Za-z0-9._-]{1,80}", re.ASCII)


@given(st.integers(FIRST_FRAME, LAST_FRAME), formats, st.text(max_size=20))
def test_the_frame_can_be_read_from_its_key(frame: int, file_format: FrameFormat, scene: str) -> None:
    prefix = keys.frames_prefix(f"{scene}.blend", "0123456789abcdef")
    key = FrameFiles.of(file_format).keys(prefix, frame)[0]
    assert key == prefix + FrameFiles.of(file_format).names(frame)[0]
    assert int(PurePosixPath(key).stem) == frame


def test_frame_names_sort_as_their_frames_do_up_to_a_million() -> None:
    frames = [0, 7, 10, 99, 100, 5000, 999_999]
    assert sorted(FrameFiles.of("PNG").names(frame)[0] for frame in frames) == [
        FrameFiles.of("PNG").names(frame)[0] for frame in frames
    ]


def test_the_frames_of_shot_and_shot2_are_in_different_folders() -> None:
    one, other = (keys.frames_prefix(scene, "0123456789abcdef") for scene in ("film/shot.blend", "film/shot2.blend"))
    assert not FrameFiles.of("PNG").keys(other, 1)[0].startswith(one)
    assert not keys.results_prefix("shot2-1").startswith(keys.job_prefix("shot2-"))


@given(digests, render_settings, digests, render_settings)
def test_render_keys_are_equal_for_equal_scenes_and_settings_only(
    digest: str, settings: RenderSettings, other_digest: str, other_settings: RenderSettings
) -> None:
    same = (digest, settings) == (other_digest, other_settings)
    one = keys.render_key(digest=digest, settings=settings)
    other = keys.render_key(digest=other_digest, settings=other_settings)
    assert (one == other) == same


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("blender", "5.0.1"),
        ("device", "OPTIX"),
        ("scene", "Night"),
        ("camera", "Crane"),
        ("engine", "EEVEE"),
        ("samples", 17),
        ("resolution_percentage", 50),
        ("format", "JPEG"),
        ("trust_scripts", True),
    ],
)
def test_each_setting_changes_the_render_key(name: str, value: object) -> None:
    plain = RenderSettings(blender="4.5.15")
    changed = plain.model_copy(update={name: value})
    assert keys.render_key(digest="d", settings=plain) != keys.render_key(digest="d", settings=changed)


def test_skipping_scripts_keeps_the_render_key_of_earlier_versions() -> None:
    said, unsaid = RenderSettings(trust_scripts=False), RenderSettings()
    assert keys.render_key(digest="d", settings=said) == keys.render_key(digest="d", settings=unsaid)


def test_the_tests_cover_all_settings() -> None:
    """Add a new setting to the tests above, since it must change the render key."""
    assert set(RenderSettings.model_fields) == {
        *("blender", "device", "scene", "camera", "engine", "samples", "resolution_percentage", "format"),
        *("trust_scripts", "ocio", "addons"),
    }


def test_the_place_of_a_colour_configuration_does_not_change_the_render_key() -> None:
    # Its content does, as an asset.
    one, other = (RenderSettings(ocio=key) for key in ("ann/config.ocio", "bob/config.ocio"))
    assert keys.render_key(digest="0", settings=one) == keys.render_key(digest="0", settings=other)


def test_the_render_key_does_not_change_between_versions() -> None:
    """It is part of the frames' keys. If it changed, every farm would render all scenes again."""
    settings = RenderSettings(blender="4.5.15", samples=16)
    assert keys.render_key(digest="0" * 64, settings=settings) == "8c286800df3840ca"


@given(st.text(min_size=1), st.text(string.hexdigits, min_size=1, max_size=40))
def test_a_job_id_is_valid_for_any_scene(scene: str, suffix: str) -> None:
    for name in (scene, f"{scene}.blend", f"{scene * 30}.blend"):
        job_id = keys.job_id(name, suffix)
        assert LEGAL_JOB_ID.fullmatch(job_id)
        assert job_id.endswith(f"-{suffix}")


@given(st.text(min_size=1))
def test_new_job_ids_are_valid_and_sort_by_time(scene: str) -> None:
    early, late = (keys.new_job_id(scene, datetime(2026, month, 1, tzinfo=UTC), "0a1b2c3d") for month in (1, 11))
    assert LEGAL_JOB_ID.fullmatch(early)
    assert LEGAL_JOB_ID.fullmatch(late)
    assert early < late


def test_a_job_id_contains_the_name_of_its_scene() -> None:
    assert keys.job_id("film/my shot (3).blend", "abc") == "my-shot-3-abc"
    assert keys.job_id("片.blend", "abc") == "job-abc"


@given(st.permutations([("file", "shot.blend"), ("start", 1), ("end", 17)]))
def test_the_same_request_for_the_same_version_has_the_same_job_id(fields: list[tuple[str, Any]]) -> None:
    ordered = {"end": 17, "file": "shot.blend", "start": 1}
    assert keys.submitted_job_id(dict(fields), "v1") == keys.submitted_job_id(ordered, "v1")


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({}, "v2"),
        ({"end": 18}, "v1"),
        ({"run": 2}, "v1"),
        ({"file": "film/shot.blend"}, "v1"),
        ({"file": "shot2.blend"}, "v1"),
    ],
)
def test_another_request_or_version_has_another_job_id(change: dict[str, Any], version: str) -> None:
    request = {"file": "shot.blend", "start": 1, "end": 17}
    assert keys.submitted_job_id(request | change, version) != keys.submitted_job_id(request, "v1")


def test_the_film_is_beside_its_scene() -> None:
    assert keys.video_key("film/shot.blend", "mp4") == "film/shot.mp4"
    assert keys.video_key("film/shot.blend", "mov") == "film/shot.mov"
    assert keys.video_key("a.blend.blend", "mp4") == "a.blend.mp4"


def test_later_films_have_a_version() -> None:
    stem = keys.video_stem("film/shot.blend")
    assert [keys.versioned(stem, version) for version in (1, 2, 999, 1000)] == [
        "film/shot",
        "film/shot_v002",
        "film/shot_v999",
        "film/shot_v1000",
    ]
    assert keys.video_stem("film/shot.blend", "night") == "film/night"
    assert keys.video_stem("shot.blend", "night") == "night"


@given(st.text(min_size=1, max_size=8), st.integers(1, 10**6), st.sampled_from(["mp4", "report.json"]))
def test_a_version_is_read_from_its_key(stem: str, version: int, ending: str) -> None:
    key = f"{keys.versioned(stem, version)}.{ending}"
    assert keys.version_of(key, stem, [ending]) == version
    assert keys.version_of(key, stem, ["mov"]) is None
    assert keys.version_of(key, f"{stem}x", [ending]) is None


@pytest.mark.parametrize(
    "key",
    ["shot_v2.mp4", "shot_v0002.mp4", "shot_v001.mp4", "shot_v002/x.mp4", "shot_v\N{ARABIC-INDIC DIGIT TWO}02.mp4"],
)
def test_similar_names_are_not_versions(key: str) -> None:
    assert keys.version_of(key, "shot", ["mp4"]) is None


FILM = {"scene": "film/shot.blend", "render": "0" * 16, "frames": "1-12", "fps": "24", "video": VideoSettings()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scene", "shot.blend"),
        ("render", "1" * 16),
        ("frames", "1005"),
        ("fps", "25"),
        ("video", VideoSettings(quality=30)),
        ("video", VideoSettings(codec="h265")),
        ("video", None),
    ],
)
def test_each_part_of_a_film_changes_its_identity(name: str, value: object) -> None:
    assert keys.film_identity(**FILM) != keys.film_identity(**{**FILM, name: value})  # type: ignore[arg-type]


def test_the_identity_of_a_film_does_not_change_between_versions() -> None:
    """It identifies films in S3. If it changed, each film that is made again would get a new version."""
    assert keys.film_identity(**FILM) == "96a34b095533325e5c5e3db50cd2d9c6"  # type: ignore[arg-type]


names = st.text(min_size=1, max_size=6).filter(lambda name: "/" not in name)


@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(["one", "two"]), names), min_size=2))
def test_each_file_of_each_disk_has_one_unique_key(
    files: list[tuple[str, str, str]],
) -> None:
    made = {file: keys.disk_key(keys.owner_folder(*file[:2]), "/", f"home/{file[2]}/shot.blend") for file in files}
    assert len(set(made.values())) == len(set(files))


@pytest.mark.parametrize(
    ("root", "path", "key"),
    [
        ("/", "home/ann/film/shot.blend", "ann-1/home/ann/film/shot.blend"),
        ("C:\\", "film/shot.blend", "ann-1/C/film/shot.blend"),
        ("\\\\server\\share\\", "film/shot.blend", "ann-1/server-share/film/shot.blend"),
    ],
)
def test_the_bucket_mirrors_the_disk_of_its_owner(root: str, path: str, key: str) -> None:
    assert keys.disk_key("ann-1", root, path) == key


@given(st.text(), st.text())
def test_an_owner_folder_is_valid_in_every_key(user: str, host: str) -> None:
    assert scene_file(f"{keys.owner_folder(user, host)}/shot.blend")


def test_an_owner_folder_does_not_depend_on_the_domain() -> None:
    assert (
        keys.owner_folder("ann", "Moon.local")
        == keys.owner_folder("ann", "moon.example.org")
        != keys.owner_folder("ann", "mars")
    )


def test_each_document_of_a_job_has_its_own_key_in_the_jobs_folder() -> None:
    made = [
        keys.manifest_key("j"),
        keys.assets_key("j"),
        keys.report_key("j"),
        *(keys.chunks_key("j", number) for number in (1, 2)),
        keys.film_frames_key("j"),
        keys.segments_key("j"),
        keys.segment_failure_key("j"),
        keys.stitched_key("j"),
        *(keys.segment_key("j", number, "mp4") for number in (0, 1)),
        *(
            keys.result_key("j", chunk, attempt=attempt, worker=worker)
            for chunk in ("1-000000", "1-000001", "2-000000")
            for attempt in (0, 1)
            for worker in ("one", "other")
        ),
        *(
            keys.flat_key(keys.flat_prefix("j", f"{frame:06d}.png", colour), worker=worker, process=process)
            for frame in (1, 11)
            for colour in ("0", "0_0")
            for worker in ("one", "other")
            for process in ("a", "b")
        ),
        *(keys.log_part_key("j", worker, part) for worker in ("one", "other") for part in ("1", "2")),
    ]
    assert len(set(made)) == len(made)
    assert all(key.startswith("jobs/j/") for key in made)


@given(st.integers(1, 2), st.integers(0, 10**7), st.integers(1, 2), st.integers(0, 10**7))
def test_chunk_ids_are_unique(round_: int, index: int, other_round: int, other_index: int) -> None:
    one, other = keys.chunk_id(round_, index), keys.chunk_id(other_round, other_index)
    assert (one == other) == ((round_, index) == (other_round, other_index))


def test_the_table_in_the_docstring_matches_the_keys() -> None:
    table = keys.__doc__ or ""
    prefix = keys.frames_prefix("film/shot.blend", "<render key>")
    for key in (
        "film/shot.blend",
        keys.video_key("film/shot.blend", "mp4"),
        keys.video_key("film/shot.blend", "mov"),
        FrameFiles.of("PNG").keys(prefix, 17)[0],
        keys.job_prefix("<job id>"),
    ):
        assert f"`{key}" in table, json.dumps(key)
