"""Compares one scene with plain Blender, in a process that can be killed; the result is a JSON file.

python -m tests.corpus.one SCENE.blend RESULT.json VERSION [ENGINE]

The result is written after each step. A killed process leaves the results of its earlier steps.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from frameloom.client import SceneCheck, check_scene
from frameloom.model.errors import FarmError, InvalidRequest, MissingAssets, NoCamera
from frameloom.services.system.installed_blenders import installed_blenders
from tests.compatibility.pixels import difference
from tests.compatibility.row_farm import RowFarm
from tests.corpus.facts import Facts, unequal_facts
from tests.corpus.result import Result, write_result

ROOT = Path(__file__).resolve().parents[2]
# The longer side of a frame in pixels.
_SIDE = 40
# Frames that plain Blender renders in order before the frame of a simulation that is compared.
_IN_ORDER = 6
Options = dict[str, Any]


def main() -> None:
    """Compare the scene in the first argument, and write the result to the second."""
    scene, target, version, *engine = sys.argv[1:]
    result = Result(path=scene, blender=version)
    begun = time.monotonic()

    def note() -> None:
        result.seconds = round(time.monotonic() - begun, 1)
        write_result(result, Path(target))

    with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
        try:
            comparison = Comparison(Path(scene), Path(folder), version, engine=engine[0] if engine else None)
            for _ in comparison.run(result):
                note()
        except Exception:  # noqa: BLE001  the table shows it
            result.problem = traceback.format_exc()
    result.ended = True
    note()
    sys.stdout.flush()
    # A thread of Blender's supervisor may still wait.
    os._exit(0)


class Comparison:
    """The comparison of a scene.

    Args:
        folder: an empty folder for its files.
        version: the full version of the Blender that renders on both sides.
        engine: an engine instead of the scene's own, on both sides.
    """

    def __init__(self, scene: Path, folder: Path, version: str, *, engine: str | None = None) -> None:
        self._scene, self._folder, self._version, self._engine = scene, folder, version, engine

    def run(self, result: Result) -> Iterator[None]:
        """Fill in the result; yield after each step."""
        check = self._check(result)
        yield
        with self.plain_blender() as plain:
            answer = plain.ask({"do": "facts", "path": str(self._scene.absolute())})
            if answer["error"] is not None:
                result.unopened = answer["error"]
                cheap = {"frames": "1", "samples": 1, "resolution_percentage": 1}
                if self._refused(result, cheap) is not None:
                    result.problem = "the farm renders a file that plain Blender cannot open"
                return
            blender = answer["facts"]
            result.simulations = blender["simulations"]
            if check is not None:
                result.facts = unequal_facts(check, blender, scene=self._scene)
            yield
            options = self._options(blender)
            result.frames = options["frames"]
            frames = self._refused(result, options)
            yield
            expected, error = plain.render(self._scene, options)
            result.plain_error = error
            if frames is not None and error is None:
                result.unequal = difference(expected, frames) or ""
            yield
            if frames is not None and error is None and blender["simulations"]:
                result.unequal_in_order = self._in_order(plain, options)
                yield

    @contextmanager
    def plain_blender(self) -> Iterator["PlainBlender"]:
        """Start plain Blender, and end it at exit."""
        home = _made(self._folder / "home")
        folder = next(each.folder for each in installed_blenders() if each.version == self._version)
        packages = [ROOT, ROOT / "src"] if folder is None else [folder, ROOT, ROOT / "src"]
        own = {"HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": ":".join(map(str, packages))}
        with (home / "output.txt").open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.corpus.blender_facts"],
                cwd=ROOT,
                env={**os.environ, **own},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
            try:
                yield PlainBlender(process, home)
            finally:
                process.kill()
                process.communicate()

    def _check(self, result: Result) -> SceneCheck | None:
        try:
            check = check_scene(self._scene, blender=self._version)
        except FarmError as error:
            result.check = [type(error).__name__, str(error)]
            return None
        if check.refusal is not None:
            result.check = [type(check.refusal).__name__, str(check.refusal)]
        return check

    def _options(self, blender: Facts) -> Options:
        """Return the options that make the scene cheap, for both sides."""
        scene = next(one for one in blender["scenes"] if one["name"] == blender["active"])
        longest = max(scene["size"])
        first, step = scene["frame_start"], scene["frame_step"]
        middle = first + max(0, (scene["frame_end"] - first) // step // 2) * step
        options = {
            "frames": f"{first},{middle}" if middle > first else f"{first}",
            "resolution_percentage": min(100, max(1, round(100 * _SIDE / longest))),
            "samples": 1,
            "chunk_size": 1,
        }
        return options | ({"engine": self._engine} if self._engine else {})

    def _refused(self, result: Result, options: Options) -> dict[str, bytes] | None:
        """Render on a farm, with each option that a refusal asks for; return the frames, None if it is refused."""
        with closing(RowFarm(self._version, _made(self._folder / "farm"))) as farm:
            for _ in range(6):
                try:
                    frames, notices = farm.render(self._scene, options)
                except FarmError as error:
                    wanted = _wanted(error, self._scene, options)
                    sentence = [type(error).__name__, str(error)]
                    if wanted is None:
                        result.refusal = sentence
                        return None
                    result.asked.append([*sentence, json.dumps(wanted)])
                    options |= wanted
                else:
                    result.notices = [[notice["kind"], notice["text"]] for notice in notices]
                    return frames
        raise AssertionError(f"the farm refuses each option: {result.asked}")

    def _in_order(self, plain: "PlainBlender", options: Options) -> str:
        """Compare a frame after some frames of a simulation: plain Blender renders all of them, the farm only one."""
        first = int(options["frames"].partition(",")[0])
        last = first + _IN_ORDER
        expected, error = plain.render(self._scene, options | {"frames": f"{first}-{last}"})
        with closing(RowFarm(self._version, _made(self._folder / "later"))) as farm:
            try:
                frames, _ = farm.render(self._scene, options | {"frames": f"{last}"})
            except FarmError as refusal:
                return f"{type(refusal).__name__}: {refusal}"
        if error is not None:
            return error
        return difference({name: data for name, data in expected.items() if name in frames}, frames) or ""


def _wanted(error: FarmError, scene: Path, options: Mapping[str, Any]) -> Options | None:
    """Return the options with which the farm accepts the scene; None for a refusal that no option changes."""
    wanted: Options | None = None
    if isinstance(error, MissingAssets):
        wanted = {"missing_assets": "render"}
    elif isinstance(error, InvalidRequest) and error.facts["field"] == "trust_scripts":
        wanted = {"trust_scripts": False}
    elif isinstance(error, InvalidRequest) and error.facts["field"] == "engine":
        wanted = {"engine": "CYCLES"}
    elif isinstance(error, NoCamera) and (cameras := check_scene(scene).facts.cameras):
        wanted = {"camera": cameras[0]}
    return None if wanted is None or wanted.items() <= options.items() else wanted


class PlainBlender:
    """A process of `tests.corpus.blender_facts`."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder, self._renders = process, folder, 0

    def ask(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command and return the answer; a crash is an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            output = (self._folder / "output.txt").read_text(errors="replace").splitlines()
            return {"error": f"Blender crashed: {' | '.join(output[-3:])[-300:]}"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def render(self, scene: Path, options: Mapping[str, Any]) -> tuple[dict[str, bytes], str | None]:
        """Return the frames by their names, and an error."""
        self._renders += 1
        folder = _made(self._folder / f"plain-{self._renders}")
        answer = self.ask(
            {"do": "render", "path": str(scene.absolute()), "folder": str(folder), "request": dict(options)}
        )
        frames = {path.name: path.read_bytes() for path in folder.iterdir()}
        return frames, answer["error"] or (None if frames else "Blender wrote no frames")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
