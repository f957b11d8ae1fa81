"""Small .blend files to test on, made by a real Blender in a process of its own."""

import atexit
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from threading import Lock

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """The recipe of a .blend, or with `render` of an image of its first frame."""

    frames: tuple[int, int] = (1, 5)
    step: int = 1
    size: tuple[int, int] = (64, 36)
    percentage: int = 100
    samples: int = 1
    fps: str = "24"
    camera: bool = True
    compress: bool = False
    scenes: tuple[str, ...] = ("Scene",)
    active: str | None = None
    cameras: tuple[str, ...] = ()
    engine: str = "CYCLES"
    format: str = "PNG"
    depth: str = "8"
    codec: str | None = None
    crop: tuple[float, float, float, float] | None = None
    objects: int = 0
    subdivisions: int = 0
    script: str | None = None
    driver: str | None = None
    style: str | None = None
    missing_image: str | None = None
    packed_image: str | None = None
    hidden: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    library: str | None = None
    library_path: str | None = None
    outside: bool = False
    also: str | None = None
    render: bool = False


def make_scene(
    path: Path,
    *,
    frames: tuple[int, int] = (1, 5),
    step: int = 1,
    size: tuple[int, int] = (64, 36),
    percentage: int = 100,
    samples: int = 1,
    fps: Fraction | int | str = 24,
    camera: bool = True,
    compress: bool = False,
    scenes: Sequence[str] = ("Scene",),
    active: str | None = None,
    cameras: Sequence[str] = (),
    engine: str = "CYCLES",
    format: str = "PNG",  # noqa: A002  as Blender calls it
    crop: tuple[float, float, float, float] | None = None,
    objects: int = 0,
    subdivisions: int = 0,
    script: str | None = None,
    driver: str | None = None,
    style: str | None = None,
    missing_image: str | None = None,
    packed_image: Path | None = None,
    hidden: Sequence[int] = (),
    broken: Sequence[int] = (),
    library: Path | None = None,
    library_path: str | None = None,
    outside: bool = False,
    also: str | None = None,
    saved_by: str | None = None,
) -> Path:
    """Write a scene to `path` and return it: a cube that turns, so that no two frames look alike.

    The same arguments make the same file, once a session: importing Blender and saving takes a second.

    Args:
        frames: the scene's own first and last frame, which Blender keeps in order and at 0 or above.
        fps: frames per second, such as 24, "29.97" or Fraction(30000, 1001).
        camera: False leaves each scene without one to render from.
        compress: packed by zstd, as Blender saves where the user asked for it (and Blender 5 unasked).
        scenes: names; each has a cube of its own colour and a camera: "Camera" in the first, then
            "<scene> camera".
        active: the scene the file opens with, the first when None.
        cameras: names of more cameras in the first scene, each of which looks from elsewhere.
        crop: xmin, ymin, xmax, ymax, as parts of the size.
        objects: how many empty objects to add, each 1.2 kB in the file.
        subdivisions: how often the cube is divided as it renders: each takes four times the memory, ten a gigabyte.
        script: the text of a registered script: Blender runs it on opening, where scripts may run.
        driver: a Python expression that moves the first cube, where scripts may run.
        style: the text of a style module, which draws Freestyle's lines, where scripts may run.
        missing_image: the path of a texture that is not there.
        packed_image: an image that is packed into the file, as the cubes' texture.
        hidden: frames in which the cube is not seen, so that they are of one colour.
        broken: frames in which the cube's pixels are NaN.
        library: a .blend whose "Camera" the first scene links, and renders from.
        library_path: by which the file refers to it, Blender's own choice when None.
        outside: whether it refers to missing files of every kind.
        also: Python that the maker runs before it saves, of `bpy`, the first `scene` and the `path` of the file.
        saved_by: the version in the file's header, such as "5.1" (not with `compress`).
    """
    recipe = _Recipe(
        frames=frames, step=step, size=size, percentage=percentage, samples=samples, fps=str(Fraction(fps)),
        hidden=tuple(hidden), broken=tuple(broken),
        camera=camera, compress=compress, scenes=tuple(scenes), active=active, cameras=tuple(cameras),
        engine=engine, format=format, crop=crop, objects=objects, script=script, driver=driver, style=style,
        subdivisions=subdivisions,
        missing_image=missing_image, packed_image=None if packed_image is None else str(packed_image),
        library=None if library is None else str(library), library_path=library_path, outside=outside,
        also=also,
    )  # fmt: skip
    shutil.copyfile(_made(recipe), path)
    if saved_by is not None:
        major, minor = saved_by.split(".")
        path.write_bytes(re.sub(rb"^BLENDER-v...", f"BLENDER-v{major}{minor:0>2}".encode(), path.read_bytes()))
    return path


def render_image(
    path: Path,
    *,
    format: str,  # noqa: A002  as Blender calls it
    depth: str = "8",
    codec: str | None = None,
    also: str | None = None,
) -> Path:
    """Write an image of 64 x 36 pixels to `path`, as Blender's renderer writes it, and return `path`.

    Args:
        depth: bits of a channel, in Blender's words: "8" or "16" for PNG, "16" or "32" for OPEN_EXR.
        codec: the compression of an OPEN_EXR, such as "ZIP".
        also: Python that the maker runs before it renders, of `bpy` and the `scene`.
    """
    shutil.copyfile(_made(_Recipe(format=format, depth=depth, codec=codec, also=also, render=True)), path)
    return path


# Some tests run in threads, and the maker answers one recipe after the other.
_ONE_AT_A_TIME = Lock()


@cache
def _made(recipe: _Recipe) -> Path:
    with _ONE_AT_A_TIME:
        return _maker().make(recipe)


@cache
def _maker() -> "_Maker":
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("Blender (bpy) is not installed: it makes the scenes to test on")
    maker = _Maker()
    atexit.register(maker.close)
    return maker


class _Maker:
    """A Blender in a process of its own, which makes one file after the other until its input ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="scenes-")
        self._count = 0
        self._errors = Path(self._folder.name, "stderr")
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.scene_maker"],
                cwd=Path(__file__).resolve().parents[1],
                # Blender leaves its own folder of temporary files when it is ended as hard as it has to be.
                env={**os.environ, "TMPDIR": self._folder.name, "HOME": self._folder.name},
                # It ends when its input does: an interrupt would leave Blender hanging at its exit.
                start_new_session=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def make(self, recipe: _Recipe) -> Path:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._count += 1
        path = Path(self._folder.name, f"{self._count}.blend")
        self._process.stdin.write(json.dumps({"path": str(path), **asdict(recipe)}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if json.loads(answer or "{}") != {"made": str(path)}:
            raise RuntimeError(f"Blender made no scene: {answer}{self._errors.read_text()}")
        return path

    def close(self) -> None:
        self._process.communicate()
        self._folder.cleanup()
