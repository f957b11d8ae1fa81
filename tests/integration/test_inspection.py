"""A worker's Blender inspects a scene: the same facts as the reader's, from a process that evaluates nothing."""

import ast
import hashlib
import json
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from frameloom.model import keys
from frameloom.model.job import SceneRef
from frameloom.model.messages import SceneTask
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.scene_json import facts_from_json
from frameloom.model.settings import RenderSettings
from frameloom.services.scene.reader import read_scene
from frameloom.services.scene.relink import relink
from frameloom.services.storage import job_documents
from tests.compatibility.facts import ROOT, blender_facts, differences
from tests.scenes import make_scene
from tests.unit.blends import for_blender_alone
from tests.worker_farm import WorkerFarm
from worker import scene_tasks


@pytest.fixture
def farm(tmp_path: Path) -> WorkerFarm:
    return WorkerFarm(tmp_path)


def task(farm: WorkerFarm, data: bytes, *, token: str = "token", blender: str = "4.5.15") -> str:  # noqa: S107
    key = f"{token}.blend"
    farm.store.put("scenes", key, data)
    scene = SceneRef(bucket="scenes", key=key, digest=hashlib.sha256(data).hexdigest())
    settings = RenderSettings(blender=blender)
    message = SceneTask(
        version=1, task_token=token, task="inspect", job_id="job", attempt=0, scene=scene, settings=settings
    )
    return json.dumps(message.to_json())


def facts_of(farm: WorkerFarm, data: bytes, *, token: str) -> dict[str, Any]:
    farm.work(task(farm, data, token=token))
    facts: dict[str, Any] = job_documents.read(farm.store, "logs", keys.facts_key("job"))["facts"]
    return facts | {"file": ""}


def test_a_worker_writes_the_readers_facts_and_answers_once(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "odd.blend", frames=(3, 12), step=2, fps="29.97", cameras=("Crane",))
    expected = read_scene(scene, name="token.blend")
    body = task(farm, for_blender_alone(scene.read_bytes()))
    farm.work(body)
    document = job_documents.read(farm.store, "logs", keys.facts_key("job"))
    assert facts_from_json(document["facts"]) == expected
    assert document["digest"] == json.loads(body)["scene"]["digest"]
    assert farm.answers.succeeded["token"].keys() == {"task", "seconds", "worker"}
    assert (farm.queue.deleted, farm.queue.sent, farm.results()) == ([body], [], [])


def test_a_file_that_blender_cannot_open_is_unreadable(farm: WorkerFarm) -> None:
    farm.work(task(farm, b"BLENDER-v405" + bytes(1000)), task(farm, b"x", token="other", blender="3.3.0"))
    assert [farm.answers.answers[token].error for token in ("token", "other")] == ["SceneUnreadable", "BlenderMismatch"]
    assert list(farm.store.list("logs", "jobs/")) == []


OTHER_TEXT = """
image = bpy.data.images.new("wood", 8, 8)
image.source, image.filepath, image.use_fake_user = "FILE", "//zzzz.png", True
"""


def test_a_path_that_is_not_utf_8_is_a_fact_and_such_a_name_is_refused(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "shot.blend", also=OTHER_TEXT, cameras=("Crane",)).read_bytes()
    farm.work(task(farm, scene.replace(b"zzzz.png", b"\xe4zzz.png")))
    document = job_documents.read(farm.store, "logs", keys.facts_key("job"))
    assert [one.path for one in facts_from_json(document["facts"]).references] == ["//\ufffdzzz.png"]
    farm.work(task(farm, scene.replace(b"CACrane", b"CA\xe4rane").replace(b"OBCrane", b"OB\xe4rane"), token="other"))
    assert farm.answers.answers["other"].error == "SceneUnreadable"


def test_the_inspection_gives_away_nothing_of_a_file_on_the_worker(farm: WorkerFarm, tmp_path: Path) -> None:
    library = make_scene(tmp_path / "foreign.blend")
    scene = make_scene(tmp_path / "shot.blend", camera=False, library=library)
    place = read_scene(scene).references[0].path
    relink(scene, {place: "/" + str(library).lstrip("/")})
    there = facts_of(farm, scene.read_bytes(), token="there")
    library.unlink()
    assert facts_of(farm, scene.read_bytes(), token="missing") == there


def test_the_inspection_of_a_scene_that_names_a_pipe_ends(
    farm: WorkerFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make_scene(tmp_path / "library.blend")
    scene = make_scene(tmp_path / "shot.blend", camera=False, library=library)
    relink(scene, {read_scene(scene).references[0].path: "/proc/self/fd/0"})
    monkeypatch.setattr(scene_tasks, "_LONGEST_OPENING", timedelta(seconds=3))
    farm.work(task(farm, scene.read_bytes()))
    assert farm.answers.answers["token"].error == "RenderHung"


# Whatever a file can refer to, in one scene.
EVERYTHING = """
for name, source in (("a.png", "FILE"), ("b_001.png", "SEQUENCE"), ("c.1001.png", "TILED"), ("d.mp4", "MOVIE")):
    image = bpy.data.images.new(name, 8, 8)
    image.filepath, image.source, image.use_fake_user = f"//tex/{name}", source, True
packed = bpy.data.images.new("packed", 8, 8)
packed.pack()
packed.source, packed.filepath_raw, packed.use_fake_user = "FILE", "//tex/packed.png", True
volume = bpy.data.volumes.new("volume")
volume.filepath, volume.use_fake_user = "//smoke_001.vdb", True
volume.is_sequence = True
cube = bpy.data.objects["Cube"]
cube.modifiers.new("mesh", "MESH_CACHE").filepath = "//mesh.pc2"
ocean = cube.modifiers.new("ocean", "OCEAN")
ocean.filepath = "//ocean/"
cloth = cube.modifiers.new("cloth", "CLOTH")
cloth.show_viewport, cloth.point_cache.use_disk_cache = False, True
other = cube.copy()
other.modifiers.clear()
scene.collection.objects.link(other)
outside = other.modifiers.new("soft", "SOFT_BODY")
outside.show_viewport, outside.point_cache.use_external, outside.point_cache.filepath = False, True, "//soft"
editor = scene.sequence_editor_create()
strips = editor.strips if hasattr(editor, "strips") else editor.sequences
for channel, mute in ((1, False), (2, True)):
    strip = strips.new_image(f"strip {channel}", f"//frames/{channel}.png", channel, 1)
    strip.elements.append(f"{channel}_2.png")
    strip.mute = mute
other.modifiers.new("Dust", "PARTICLE_SYSTEM")
other.modifiers.new("Shirt", "CLOTH")
text = bpy.data.texts.new("start.py")
text.use_module, text.use_fake_user = True, True
driver = cube.driver_add("location", 0).driver
driver.expression = "open('x')"
other.driver_add("location", 1).driver.expression = "frame / 2"
scene.render.use_border = scene.render.use_crop_to_border = True
scene.render.border_max_x = 0.5
scene.render.pixel_aspect_x, scene.render.use_single_layer = 1.5, True
scene.render.use_stamp = True
scene.render.use_motion_blur, scene.render.film_transparent = True, True
scene.render.frame_map_new = 50
scene.render.image_settings.color_depth = "16"
layer = scene.view_layers.new("Props")
scene.timeline_markers.new("cut", frame=1).camera = bpy.data.objects["Camera"]
layer.use, layer.use_pass_z, layer.use_pass_emit, layer.use_pass_cryptomatte_asset = False, True, True, True
layer.aovs.add().name = "Mask"
layer.lightgroups.add().name = "Key"
"""


def test_both_readings_of_a_scene_with_every_kind_of_reference_agree(tmp_path: Path) -> None:
    scene = make_scene(tmp_path / "all.blend", also=EVERYTHING, scenes=("Day", "Night"), active="Night")
    facts = read_scene(scene)
    assert len(facts.references) > 10
    found = blender_facts([scene])[scene]
    assert isinstance(found, SceneFacts), found
    assert differences(facts, found) == []


@pytest.mark.parametrize(("kind", "left_to_reader"), [(SceneFacts, {"notices"}), (SceneEntry, set())])
def test_the_inspection_finds_each_fact_that_the_reader_finds(kind: type, left_to_reader: set[str]) -> None:
    """A new field of the facts needs its counterpart in Blender's process."""
    tree = ast.parse((ROOT / "worker/blender_process/inspection.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == kind.__name__]
    [names] = [{keyword.arg for keyword in call.keywords} for call in calls]
    assert names == {each.name for each in fields(kind)} - left_to_reader
