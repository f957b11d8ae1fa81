"""The facts that are read from .blend files without Blender."""

import logging
import struct
import tempfile
from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

import pytest
import zstandard

from frameloom.model.colours import Colours
from frameloom.model.errors import NoCamera, SceneUnreadable
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.sources import Sources
from frameloom.model.view_layers import ViewLayer
from frameloom.services.scene.blend_format import Header
from frameloom.services.scene.condense import condense
from frameloom.services.scene.reader import read_scene
from tests.scenes import make_scene
from tests.unit.blends import PACKERS, SEEK_TABLE, as_blender_5_writes, packed, read, small
from tests.video_probe import probe

LAYERS = (ViewLayer(name="ViewLayer", passes=("Combined",)),)
POTTERY = Path(__file__).resolve().parents[3] / "shared" / "scenes" / "pottery.blend"


def test_frames_size_rate_engine_and_camera_are_read(tmp_path: Path) -> None:
    path = make_scene(
        tmp_path / "shot.blend",
        frames=(3, 40),
        step=2,
        size=(101, 57),
        percentage=33,
        fps=30,
        format="OPEN_EXR",
    )
    entry = SceneEntry(
        name="Scene", frame_start=3, frame_end=40, frame_step=2, fps=Fraction(30), size=(101, 57), percentage=33,
        engine="CYCLES", format="OPEN_EXR", camera="Camera", sources=Sources(has_camera=True),
        colours=Colours(display="sRGB", view="Standard", look="None", sequencer="sRGB"),
        view_layers=LAYERS, color_mode="RGBA", color_depth="32",
    )  # fmt: skip
    assert read_scene(path) == SceneFacts(
        file="shot.blend", blender_version=(4, 5), scenes=(entry,), active="Scene", cameras=("Camera",)
    )


OWN_FILM = """
for number, (across, down) in enumerate({pairs}):
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = across, down
    scene.frame_start = scene.frame_end = 1
    scene.render.image_settings.file_format, scene.render.ffmpeg.format = "FFMPEG", "MPEG4"
    scene.render.filepath, scene.render.use_file_extension = {folder!r} + f"/{{number}}.mp4", False
    bpy.ops.render.render(animation=True)
    bpy.ops.wm.save_as_mainfile(filepath={folder!r} + f"/{{number}}.blend")
"""


def test_the_pixel_aspect_equals_that_of_blenders_film(tmp_path: Path) -> None:
    pairs = [(1, 1), (2, 1), (1, 2), (40, 33), (1.46, 1), (1, 1.4587), (5.1239, 3.3007)]
    make_scene(tmp_path / "last.blend", also=OWN_FILM.format(pairs=pairs, folder=str(tmp_path)))
    found = [read_scene(tmp_path / f"{number}.blend").pick().pixel_aspect for number in range(len(pairs))]
    assert found[:5] == [1, 2, Fraction(1, 2), Fraction(40, 33), Fraction(73, 50)]
    assert found == [probe(tmp_path / f"{number}.mp4").pixel_aspect for number in range(len(pairs))]


def test_all_scenes_and_cameras_and_the_active_scene_are_read(tmp_path: Path) -> None:
    path = make_scene(tmp_path / "shot.blend", scenes=["Day", "Night"], active="Night", cameras=["Side", "Tôp"])
    facts = read_scene(path)
    assert [(entry.name, entry.camera) for entry in facts.scenes] == [
        ("Day", "Camera"),
        ("Night", "Night camera"),
    ]
    assert facts.active == "Night"
    assert set(facts.cameras) == {"Camera", "Night camera", "Side", "Tôp"}


def test_a_scene_without_a_camera_has_none(tmp_path: Path) -> None:
    facts = read_scene(make_scene(tmp_path / "shot.blend", camera=False))
    assert facts.scenes[0].camera is None
    assert facts.cameras == ()


_STRIP = "scene.sequence_editor_create().strips.new_effect('strip', 'COLOR', 1, 1, frame_end=9)"
_MARKERS = "[scene.timeline_markers.new('marker', frame=frame) for frame in (1, 4)]"


@pytest.mark.parametrize(
    ("also", "needed"),
    [
        (f"{_STRIP}", False),
        (f"{_STRIP}; scene.render.use_sequencer = False", True),
        ("scene.sequence_editor_create()", True),
        (f"{_MARKERS}[1].camera = bpy.data.objects['Side']; scene.camera = None", False),
        (f"{_MARKERS}", True),
    ],
)
def test_a_scene_with_strips_or_cameras_bound_to_markers_needs_no_camera(
    tmp_path: Path, also: str, *, needed: bool
) -> None:
    facts = read_scene(make_scene(tmp_path / "edit.blend", camera=False, cameras=["Side"], also=also))
    with pytest.raises(NoCamera) if needed else nullcontext():
        assert facts.pick().camera is None


def test_a_camera_linked_from_another_file_counts(tmp_path: Path) -> None:
    library = make_scene(tmp_path / "library.blend")
    facts = read_scene(make_scene(tmp_path / "shot.blend", camera=False, library=library))
    assert facts.linked_objects == ("Camera",)
    assert facts.pick().camera == "Camera"


@pytest.mark.parametrize(
    ("fps", "exact"),
    [(24, Fraction(24)), ("29.97", Fraction(2997, 100)), (Fraction(30000, 1001), Fraction(30000, 1001)),
     (Fraction(24000, 1001), Fraction(24000, 1001)), ("12.5", Fraction(25, 2))],
)  # fmt: skip
def test_a_rate_is_read_as_it_was_typed(tmp_path: Path, fps: Fraction | int | str, exact: Fraction) -> None:
    rate = read_scene(make_scene(tmp_path / "shot.blend", fps=fps)).scenes[0].fps
    assert rate.limit_denominator(1001) == exact


@pytest.mark.parametrize("codec", ["NONE", "PXR24", "ZIP", "PIZ", "RLE", "ZIPS", "DWAA", "DWAB"])
def test_the_openexr_codec_is_read(tmp_path: Path, codec: str) -> None:
    also = f"scene.render.image_settings.exr_codec = {codec!r}"
    facts = read_scene(make_scene(tmp_path / "shot.blend", format="OPEN_EXR", also=also))
    assert facts.pick().exr_codec == codec


@pytest.mark.parametrize("name", ["PNG", "JPEG", "OPEN_EXR", "OPEN_EXR_MULTILAYER", "TIFF", "WEBP", "FFMPEG"])
def test_formats_have_blenders_names(tmp_path: Path, name: str) -> None:
    assert read_scene(make_scene(tmp_path / "shot.blend", format=name)).scenes[0].format == name


def test_a_crop_is_read(tmp_path: Path) -> None:
    entry = read_scene(make_scene(tmp_path / "shot.blend", size=(100, 20), crop=(0.25, 0, 0.75, 0.5))).scenes[0]
    assert entry.crop == (0.25, 0.0, 0.75, 0.5)
    assert entry.rendered_size() == (50, 10)


def test_a_scene_of_blender_3_is_read() -> None:
    if not POTTERY.exists():
        pytest.skip("../shared/scenes/pottery.blend, a scene by others, is not beside this checkout")
    facts = read_scene(POTTERY)
    assert facts.blender_version == (3, 0)
    assert facts.pick() == SceneEntry(
        name="Scene", frame_start=1, frame_end=199, frame_step=1, fps=Fraction(24), size=(1080, 1350), percentage=100,
        engine="CYCLES", format="PNG", camera="Camera", sources=Sources(has_camera=True, layers=("Scene",)),
        colours=Colours(display="sRGB", view="Filmic", look="None", sequencer="sRGB"),
        view_layers=(ViewLayer(name="View Layer", passes=("Combined", "Z")),), options=("Render Region",),
        color_mode="RGB", color_depth="8",
    )  # fmt: skip


def test_a_scene_without_settings_of_later_versions_is_read() -> None:
    """Files of 2.48 have no engine, no frame step, and a member [3]; files before 2.61 have the format elsewhere."""
    data, now = small(), read(small()).scenes[0]
    for name, other in (
        ("engine[32]", "____ne[32]"),
        ("frame_step", "____e_step"),
        ("im_format", "__format"),
        ("exp", "[3]"),
    ):
        at = data.index(b"DNA1")
        data = data[:at] + data[at:].replace(f"\0{name}\0".encode(), f"\0{other:_>{len(name)}}\0".encode(), 1)
    [entry] = read(data).scenes
    assert entry == replace(now, engine="", frame_step=1, exr_codec="ZIP", color_mode="", color_depth="")


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("header", [b"BLENDER-v283", b"BLENDER-v300", b"BLENDER-v405"])
def test_a_compressed_scene_is_read_like_an_uncompressed_one(packing: str, header: bytes) -> None:
    facts = read(PACKERS[packing](header + small()[12:]))
    assert facts == replace(read(small()), blender_version=divmod(int(header[-3:]), 100))


def test_a_scene_compressed_by_blender_is_read(tmp_path: Path) -> None:
    path = make_scene(tmp_path / "shot.blend", compress=True)
    assert path.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    assert read_scene(path) == read_scene(make_scene(path))


def test_a_zstd_scene_without_its_seek_table_is_read() -> None:
    assert read(packed("zstd").removesuffix(SEEK_TABLE)) == read(small())


@pytest.mark.parametrize("checksum", [True, False])
@pytest.mark.parametrize("length_told", [True, False])
@pytest.mark.parametrize("piece", [100, 1000, 10**6])
def test_every_kind_of_zstd_frame_is_read_and_refused_when_cut(
    *, checksum: bool, length_told: bool, piece: int
) -> None:
    packer = zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=length_told)
    # zstd compresses these zeros to blocks of one repeated byte.
    zeros = struct.pack("<4siQii", b"DATA", 400_000, 1, 0, 1) + bytes(400_000)
    scene = small()[:-24] + zeros + small()[-24:]
    frames = b"".join(packer.compress(scene[at : at + piece]) for at in range(0, len(scene), piece))
    assert read(frames) == read(scene)
    for cut in (1, 2, 3, 4, 5):
        with pytest.raises(SceneUnreadable, match="it is incomplete"):
            read(frames[:-cut])


@pytest.mark.parametrize("packing", PACKERS)
def test_the_header_of_blender_5_is_read(packing: str) -> None:
    facts = read(PACKERS[packing](as_blender_5_writes(small())))
    assert facts == replace(read(small()), blender_version=(5, 0))


def test_the_reader_leaves_no_file_and_prints_and_logs_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    scratch, path = tmp_path / "scratch", tmp_path / "shot.blend"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    caplog.set_level(logging.INFO)
    for packing in PACKERS:
        path.write_bytes(packed(packing))
        read_scene(path)
        path.write_bytes(packed(packing)[:-5])
        with pytest.raises(SceneUnreadable):
            read_scene(path)
    assert not list(scratch.iterdir())
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_blender_asset_tracer_names_the_scene_and_logs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def condense_and_cut(source: BufferedReader, target: IO[bytes], *, limit: int) -> Header:
        header = condense(source, target, limit=limit)
        target.truncate(target.tell() - 5)
        return header

    monkeypatch.setattr("frameloom.services.scene.reader.condense", condense_and_cut)
    path = tmp_path / "shot.blend"
    path.write_bytes(small())
    messages: list[str] = []

    def find_references(blend: Any, _: str) -> tuple[()]:
        messages.append(f"{blend} {blend.filepath}")
        return ()

    monkeypatch.setattr("frameloom.services.scene.reader.find_references", find_references)
    read_scene(path)
    assert not caplog.records
    [message] = messages
    assert message.endswith(" 'shot.blend'> shot.blend")
