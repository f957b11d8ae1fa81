"""The worker ends an attempt if Blender skips or replaces something that PrepareJob did not find."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.model.errors import InvalidRequest
from frameloom.model.settings import RenderSettings
from frameloom.services.scene.driver_expressions import needs_trust
from tests.scenes import make_scene
from tests.unit.blends import with_text
from worker.blender import Blender

UNSAID, WITHOUT = RenderSettings(), RenderSettings(trust_scripts=False)
# Expressions that Blender's calculator accepts, that its restricted Python accepts, or that neither accepts.
EXPRESSIONS = """
frame*2|self.x|self['k']|self|self[0]|sin(frame)+noise.random()|bpy.context.scene.frame_current|bpy|noise|depsgraph
[1,2][0]|var.x|pow(2,3)|1 if frame>2 else 3|__import__('os')|sum([1,2])|len('abc')|max(frame,2,3)|max(1,*[2,3])|min()
int(frame) % 3|{1:2}[1]|{1:2,3:4}[1]|{var:1,var+1:4}[var]|round(frame,1)|lambda: 1|[i for i in [1,2]][0]|1<var<3
1<var<3 and var%2|1 if 0<var<2 else 3|abs(var)|abs(var)%2|_v|_v%2|not var|var**2|var//2|1 in [var]|[var][0:1][0]
[*[1,2]][0]|(1,*[2])[0]|f'{var}'|(x:=3)|hypot(3,4)|e|tau*2|log(8,2)|clamp(var,0,1)|clamp(var)|smoothstep(0,1,var)
print(3)|str(var)|pow(var, exp=2)|{1,2,var}|bool(var)|float('1')|range(3)[1]|0x10|'a'|None|True|gcd(4,6)|fma(1,2,3)
any([var])|var & 1|~1|sorted([1])|[sin][0](var)|frame/24|#frame|1; 2| frame|1 +|sum(var for i in (1,))
1<var<0x10|1<var<1_0|1<var<1e1_0|max(var,1,)<var<3|1<var<3 #c|1<var<(3)|1<var_001<1.e-3|1<var<-.5
abs(0b11)|max( 1 )<var<3
"""
EVALUATE = """
import json, os, sys, bpy
scene = bpy.context.scene
def skipped(expression, itself):
    thing = bpy.data.objects.new("thing", None)
    scene.collection.objects.link(thing)
    driver = thing.driver_add("location", 0).driver
    for name in ("var", "_v", "var_001"):
        driver.variables.new().name = name
    driver.use_self, driver.expression = itself, expression
    bpy.context.view_layer.update()
    bpy.data.objects.remove(thing)
    return bpy.app.autoexec_fail_message == f"Driver '{expression}'"
answers = []
for expression in json.load(sys.stdin):
    for itself in (False, True):
        assert skipped("bpy.app", False)
        answers.append(skipped(expression, itself))
print("\\n" + json.dumps(answers), flush=True)
os._exit(0)
"""


def test_the_reader_and_blender_agree_on_drivers_that_need_trust() -> None:
    expressions = [part for line in EXPRESSIONS.strip().splitlines() for part in line.split("|")]
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE], input=json.dumps(expressions), capture_output=True, text=True, check=True
    )
    blender = json.loads(done.stdout.splitlines()[-1])
    ours = [
        needs_trust(one, {"var", "_v", "var_001"}, uses_self=uses_self)
        for one in expressions
        for uses_self in (False, True)
    ]
    assert [(expressions[at // 2], at % 2) for at in range(len(ours)) if ours[at] != blender[at]] == []
    assert len(set(ours)) == 2


HIDDEN = """
thing = bpy.data.objects.new("Thing", bpy.data.meshes[0])
scene.collection.objects.link(thing)
thing.driver_add("location", 0).driver.expression = "bpy.app.version[0]"
thing.hide_viewport = True
"""


@pytest.mark.parametrize(
    ("recipe", "opens"),
    [
        ({"script": "1"}, False),
        ({"driver": "bpy.app.version[0]"}, False),
        ({"style": "1"}, False),
        ({"also": HIDDEN}, True),
    ],
)
def test_code_that_blender_skips_fails_the_attempt_unless_the_job_skips_it(
    blender: Blender, tmp_path: Path, recipe: dict[str, str], *, opens: bool
) -> None:
    scene = make_scene(tmp_path / "shot.blend", **recipe)  # type: ignore[arg-type]
    path, refused = tmp_path / "frame.png", r"trust_scripts: the scene contains Python.*--without-scripts"
    if opens:
        # Blender evaluates an object that is hidden in the viewport only when it renders the first frame.
        blender.open(scene, UNSAID, name="shot.blend")
        with pytest.raises(InvalidRequest, match=refused):
            blender.render(1, path, run=range(1, 4))
    else:
        with pytest.raises(InvalidRequest, match=refused):
            blender.open(scene, UNSAID, name="shot.blend")
    assert not path.exists()
    # The child can render another scene after the error.
    blender.open(scene, WITHOUT, name="shot.blend")
    blender.render(1, path, run=range(1, 4))
    assert path.exists()


def test_an_engine_that_blender_replaces_fails_the_attempt_unless_the_job_names_another(
    blender: Blender, tmp_path: Path
) -> None:
    scene = with_text(make_scene(tmp_path / "shot.blend"), b"SC", b"r", b"engine", text="LUXCORE")
    refusal = "engine: scene 'Scene' uses the engine 'LUXCORE', which the worker's Blender lacks"
    with pytest.raises(InvalidRequest, match=refusal):
        blender.open(scene, UNSAID, name="shot.blend")
    blender.open(scene, RenderSettings(engine="CYCLES"), name="shot.blend")


@pytest.mark.parametrize(
    ("also", "refused"),
    [
        ("night.sequence_editor_create().strips.new_scene('day', scene, 1, 1)", True),
        ("night.background_set = scene", True),
        ("night.use_nodes = True; night.node_tree.nodes.new('CompositorNodeRLayers').scene = scene", True),
        ("", False),
    ],
)
def test_the_engine_of_another_rendered_scene_is_checked(
    blender: Blender, tmp_path: Path, also: str, *, refused: bool
) -> None:
    also = f"night = bpy.data.scenes['Night']; {also}"
    scene = make_scene(tmp_path / "shot.blend", scenes=("Day", "Night"), active="Night", also=also)
    with_text(scene, b"SC", b"r", b"engine", text="LUXCORE")
    if not refused:
        blender.open(scene, UNSAID, name="shot.blend")
        return
    # The job's engine applies only to the job's scene.
    with pytest.raises(InvalidRequest, match=r"engine: scene 'Day' uses the engine 'LUXCORE'.*: choose another in the"):
        blender.open(scene, RenderSettings(engine="CYCLES"), name="shot.blend")


@pytest.mark.parametrize(
    ("field", "name", "refused"),
    [
        ((b"SC", b"view_settings", b"view_transform"), "ACES 1.0 SDR-video", True),
        ((b"SC", b"view_settings", b"view_transform"), "Default", False),
        ((b"SC", b"view_settings", b"look"), "AgX - Punchy", True),
        ((b"SC", b"display_settings", b"display_device"), "ACES", True),
        ((b"IM", b"colorspace_settings", b"name"), "Input - ARRI", True),
        ((b"IM", b"colorspace_settings", b"name"), "Utility - Linear - sRGB", False),
    ],
)
def test_a_colour_name_that_blender_replaces_fails_the_attempt(
    blender: Blender, tmp_path: Path, field: tuple[bytes, ...], name: str, *, refused: bool
) -> None:
    image = "bpy.data.images.new('pixels', 8, 8).use_fake_user = True"
    scene = with_text(make_scene(tmp_path / "shot.blend", also=image), *field, text=name)
    if not refused:
        blender.open(scene, UNSAID, name="shot.blend")
        return
    with pytest.raises(InvalidRequest, match="file: Blender's colour configuration lacks a name") as raised:
        blender.open(scene, UNSAID, name="shot.blend")
    assert name in str(raised.value)


def test_blender_ignores_a_colour_configuration_in_the_workers_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCIO", "/studio/aces.ocio")
    blender = Blender(scratch=tmp_path)
    try:
        blender.open(make_scene(tmp_path / "shot.blend"), UNSAID, name="shot.blend")
        assert b"OCIO" not in Path(f"/proc/{blender.pid}/environ").read_bytes()
    finally:
        blender.close()
