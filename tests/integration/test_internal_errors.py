"""Exceptions of our own code in Blender's process, planted by a trusted scene: never a crash of Blender."""

from pathlib import Path

import pytest

from frameloom.model.errors import InternalError, WorkerFailed
from frameloom.model.log_event import LogEvent
from frameloom.model.settings import RenderSettings
from tests.scenes import make_scene
from tests.worker_farm import WorkerFarm
from worker.blender import Blender

# Each replaces a function of ours when the scene opens; the number is the frame that fails, None for all.
PLANTED = """
import errno, sys
{module} = sys.modules["worker.blender_process.{module}"]
own = {module}.{name}
def planted(*arguments, **named):
    if {frame} is None or {frame} == bpy.context.scene.frame_current:
        {raised}
    return own(*arguments, **named)
import bpy
{module}.{name} = planted
"""


def planted(path: Path, *, module: str, name: str, raised: str = "None.x", frame: int | None = None) -> Path:
    return make_scene(path, script=PLANTED.format(module=module, name=name, raised=raised, frame=frame))


def test_a_fault_of_our_own_code_within_a_render_ends_the_job_as_our_fault(farm: WorkerFarm, tmp_path: Path) -> None:
    scene = planted(tmp_path / "shot.blend", module="animation", name="check_frame", frame=2)
    plain = make_scene(tmp_path / "plain.blend")
    farm.work(
        farm.message(scene, "1-3", token="faulty", trust_scripts=True),
        # The worker goes on, with the same scene as well.
        farm.message(scene, "1", token="again", trust_scripts=True),
        farm.message(plain, "1", token="plain"),
    )
    name, cause = farm.answers.failed["faulty"]
    assert name == InternalError.__name__
    assert cause.startswith("Frameloom failed at frame 2. This is a fault of Frameloom, not of the scene")
    assert "AttributeError: 'NoneType' object has no attribute 'x'" in cause
    assert "in _check" in cause
    assert sorted(farm.answers.succeeded) == ["again", "plain"]
    assert farm.frames() == ["000001.png"]
    logged = [record["facts"] for record in farm.records if record.get("event") == LogEvent.CHUNK_FAILED]
    assert logged[0]["cause"] == cause


def test_a_fault_in_a_handler_that_blender_would_only_print_is_not_ignored(blender: Blender, tmp_path: Path) -> None:
    # Blender would render on, with a wrong range of frames.
    script = (
        "import sys\nfrom contextlib import contextmanager\n"
        "animation = sys.modules['worker.blender_process.animation'].Animation\nown = animation._handler\n"
        "def handler(self, handlers, function):\n"
        "    return own(self, handlers, (lambda *_: 1 / 0) if 'restore' in function.__name__ else function)\n"
        "animation._handler = handler\n"
    )
    scene = make_scene(tmp_path / "shot.blend", script=script)
    blender.open(scene, RenderSettings(trust_scripts=True), name="shot.blend")
    with pytest.raises(InternalError, match=r"at frame 1\..*ZeroDivisionError"):
        blender.render(1, tmp_path / "1.png")


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        ("None.x", InternalError),
        ("raise OSError(errno.ENOSPC, 'No space left on device')", WorkerFailed),
    ],
)
def test_an_exception_while_a_scene_opens_has_its_own_error(
    blender: Blender, tmp_path: Path, raised: str, error: type[Exception]
) -> None:
    scene = planted(tmp_path / "shot.blend", module="session", name="set_up", raised=raised)
    with pytest.raises(error, match="the opening of the scene"):
        blender.open(scene, RenderSettings(trust_scripts=True), name="shot.blend")


@pytest.mark.parametrize(
    ("line", "error"), [("raise ImportError('libXi.so.6')", WorkerFailed), ("raise ValueError('ours')", InternalError)]
)
def test_a_child_that_does_not_start_answers_why(
    blender: Blender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, error: type[Exception]
) -> None:
    package = tmp_path / "blenders/9.9.9/bpy/__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text(line)
    monkeypatch.setenv("FRAMELOOM_BLENDERS", str(tmp_path / "blenders"))
    blender.start("9.9.9")
    assert blender._process is not None
    # The command comes after the end of the child.
    blender._process.wait()
    with pytest.raises(error, match=r"the start of Blender 9\.9\.9"):
        blender.open(tmp_path / "shot.blend", RenderSettings(blender="9.9.9"), name="shot.blend")
