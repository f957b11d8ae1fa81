"""Runs the matrix: builds the scene of each row, renders it with plain Blender and on a farm, and compares."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from frameloom.model.errors import FarmError
from frameloom.services.system.installed_blenders import InstalledBlender, installed_blenders
from tests.blender_folder import added_blenders, second_blender
from tests.compatibility.pixels import difference
from tests.compatibility.row_farm import RowFarm
from tests.compatibility.rows import VERSIONS, Expectation, Row, all_rows

ROOT = Path(__file__).resolve().parents[2]
# Seconds within which plain Blender builds or renders a row.
LONGEST = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a row with one Blender.

    Attributes:
        refusal: the error class and the sentence; None for a row that was rendered.
        notices: the kinds and the sentences.
        unequal: how the farm's frames differ from plain Blender's; None if they do not, or if nothing was rendered.
        problem: a failure of the row itself: its scene cannot be built, or plain Blender cannot render it.
        seconds: wall time to build it, to render it with plain Blender, and to render it on the farm.
    """

    refusal: tuple[str, str] | None = None
    notices: tuple[tuple[str, str], ...] = ()
    unequal: str | None = None
    problem: str | None = None
    seconds: tuple[float, ...] = field(default=(), compare=False)

    @property
    def cell(self) -> str:
        """The result as a cell of docs/compatibility.md."""
        if self.problem is not None:
            return f"failed: {self.problem}"
        if self.refusal is not None:
            return f"refused: {self.refusal[1]}"
        sentences = " ".join(text for _, text in self.notices)
        if self.unequal is None:
            return f"same pixels; announced: {sentences}" if sentences else "same pixels"
        return f"announced: {sentences}" if sentences else f"**differs, a known fault**: {self.unequal}"

    def meets(self, expected: Expectation) -> bool:
        """Return whether this is the expected result."""
        if self.problem is not None:
            return False
        if expected.verdict == "refused":
            return self.refusal is not None and self.refusal[0] == expected.name and expected.words in self.refusal[1]
        if self.refusal is not None:
            return False
        equal = self.unequal is None
        if expected.verdict == "announced":
            found = any(kind == expected.name and expected.words in text for kind, text in self.notices)
            return found and equal == expected.pixels
        return not self.notices and equal == (expected.verdict == "same")


def installed() -> dict[str, InstalledBlender]:
    """Return the Blenders that rows are rendered with, by their first two numbers; install the second if necessary."""
    second_blender()
    return {each.version.rpartition(".")[0]: each for each in installed_blenders()}


def run(cases: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Result]:
    """Return the results of rows, given by id, with a Blender, such as 5.0."""
    chosen: dict[str, list[Row]] = {}
    for row, version in cases:
        chosen.setdefault(version, []).append(all_rows()[row])
    with (
        added_blenders(),
        tempfile.TemporaryDirectory(prefix="matrix-") as folder,
        ThreadPoolExecutor(len(VERSIONS)) as pool,
    ):
        blenders = installed()
        runs = {
            version: pool.submit(_run_version, rows, blenders[version], Path(folder, version))
            for version, rows in chosen.items()
        }
        ended = {version: running.result() for version, running in runs.items()}
    return {(row, version): result for version, results in ended.items() for row, result in results.items()}


def _run_version(rows: list[Row], blender: InstalledBlender, folder: Path) -> dict[str, Result]:
    """Build one row after the other; render each with plain Blender and on the farm while the next is built."""
    folder.mkdir()
    found = {}
    with (
        _Server.started(blender, folder / "builder") as builder,
        _Server.started(blender, folder / "plain") as plain,
        closing(RowFarm(blender.version, _made(folder / "worker"))) as farm,
        ThreadPoolExecutor(1) as plainly,
        ThreadPoolExecutor(1) as farmed,
    ):
        pending: list[tuple[Row, _Answer, _Rendering]] = []
        for number, row in enumerate(rows):
            scene = folder / f"{number}" / row.file
            built = builder.ask({"do": "build", "row": row.id, "path": str(scene)})
            if built.error is None:
                rendering = (
                    plainly.submit(_plain, plain, row, scene, folder.name),
                    farmed.submit(_farm, farm, row, scene),
                )
                pending.append((row, built, rendering))
            else:
                found[row.id] = Result(problem=f"its scene cannot be built: {built.error}")
        for row, built, (by_plain, by_farm) in pending:
            found[row.id] = _judged(by_plain.result(), by_farm.result(), built.seconds, folder)
    return found


def _judged(plain: "_Rendered", farm: "_Rendered", built: float, folder: Path) -> Result:
    def public(text: str) -> str:
        """Return a sentence without the paths of this run."""
        return re.sub(rf"{re.escape(str(folder))}/\d+", "/shots", text)

    result, problem = farm.result, farm.result.problem
    refusal = None if result.refusal is None else (result.refusal[0], public(result.refusal[1]))
    if plain.result.problem is not None and refusal is None:
        problem = f"plain Blender cannot render it: {plain.result.problem}"
    return Result(
        refusal=refusal,
        notices=tuple((kind, public(text)) for kind, text in result.notices),
        unequal=difference(plain.frames, farm.frames) if refusal is None and problem is None else None,
        problem=problem,
        seconds=(built, plain.seconds, farm.seconds),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rendered:
    """The frames of a row by their names, in plain Blender or on a farm, and what else there is to say about them."""

    frames: dict[str, bytes]
    result: Result
    seconds: float


_Rendering: TypeAlias = "tuple[Future[_Rendered], Future[_Rendered]]"


def _plain(server: "_Server", row: Row, scene: Path, version: str) -> _Rendered:
    if row.expects(version).verdict == "refused":
        # Plain Blender may need long for a scene without its engine.
        return _Rendered(frames={}, result=Result(), seconds=0.0)
    output = _made(scene.parent.with_name(f"{scene.parent.name}-plain"))
    answer = server.ask({"do": "render", "path": str(scene), "folder": str(output), "request": dict(row.request)})
    frames = {path.name: path.read_bytes() for path in output.iterdir()}
    return _Rendered(frames=frames, result=Result(problem=answer.error), seconds=answer.seconds)


def _farm(farm: RowFarm, row: Row, scene: Path) -> _Rendered:
    begun = time.monotonic()
    frames: dict[str, bytes] = {}
    try:
        frames, notices = farm.render(scene, row.request)
        result = Result(notices=tuple((notice["kind"], notice["text"]) for notice in notices))
    except FarmError as error:
        result = Result(refusal=(type(error).__name__, str(error)))
    except Exception as error:  # noqa: BLE001  the row shows it
        result = Result(problem=f"{type(error).__name__}: {error}")
    return _Rendered(frames=frames, result=result, seconds=time.monotonic() - begun)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    error: str | None
    seconds: float


class _Server:
    """A process of `tests.compatibility.blender_server`; it is started again after a crash."""

    def __init__(self, blender: InstalledBlender, home: Path) -> None:
        self._command = [sys.executable, "-m", "tests.compatibility.blender_server"]
        folders = [ROOT, ROOT / "src"] if blender.folder is None else [blender.folder, ROOT, ROOT / "src"]
        own = {"HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": ":".join(map(str, folders))}
        self._environment = {**os.environ, **own}
        self._home = _made(home)
        self._process: subprocess.Popen[str] | None = None

    @classmethod
    @contextmanager
    def started(cls, blender: InstalledBlender, home: Path) -> Iterator["_Server"]:
        """Start a process, and end it at exit."""
        server = cls(blender, home)
        server._start()
        try:
            yield server
        finally:
            server._end()

    def ask(self, command: dict[str, Any]) -> _Answer:
        """Send a command and wait for its answer; a crash is an error."""
        if self._process is None:
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            self._end()
            lines = (self._home / "output.txt").read_text(errors="replace").splitlines()
            return _Answer(error="Blender crashed: " + " | ".join(lines[-5:]), seconds=0.0)
        answer = json.loads(line)
        return _Answer(error=answer["error"], seconds=answer["seconds"])

    def _start(self) -> None:
        with (self._home / "output.txt").open("w") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
