"""Blender in a child process, which takes commands as JSON lines and can be killed at any time."""

import contextlib
import json
import secrets
import select
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from frameloom.model.errors import FarmError, OutOfMemory, RenderCrashed, RenderHung, by_name
from frameloom.services.system.memory import Memory, container_memory
from worker.blender_exit import exit_error
from worker.blender_versions import command_of, environment_of, find_blender
from worker.blender_warnings import Substitutions
from worker.memory import is_scarce, is_short
from worker.ocio_output import OcioOutput
from worker.rendered_frame import RenderedFile, RenderedFrame

if TYPE_CHECKING:
    # Its import takes 0.1 s, in which Blender can already load.
    from frameloom.model.settings import RenderSettings

# Lines of output in an error.
_LAST_LINES = 20
# Seconds between two checks of the child's output and of the free memory; the second one while memory is scarce, since
# Blender can allocate a gigabyte within a second.
_POLL, _FAST_POLL = 0.1, 0.02

# The open scene: its file, settings, whether missing files were an error, and which of them might be missing.
OpenScene: TypeAlias = "tuple[Path, RenderSettings, bool, tuple[str, ...]]"


class BlenderKilled(Exception):
    """Blender was killed by `kill` before it answered."""


class Blender:
    """One child process; started on first use, restarted for another scene or version and after it has ended."""

    # Blender hangs if it prints nothing for this time while it opens or renders; set for each chunk.
    silence_timeout = timedelta(hours=4)
    # Called with each line that Blender prints, and the frame that it renders.
    on_output: Callable[[str, int | None], None] | None = None
    # The container's memory when it had the least left; the supervisor resets it after each chunk.
    lowest_memory: Memory | None = None

    def __init__(self, *, scratch: Path) -> None:
        self._lines_read = 0
        self._frame: int | None = None
        self._scratch = scratch
        self._process: subprocess.Popen[str] | None = None
        self._name = ""
        # The version of the child, or of the last one.
        self._version: str | None = None
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._substitutions = Substitutions()
        self._reader: threading.Thread | None = None
        self._open_scene: OpenScene | None = None
        # Whether the child has opened a file. Blender keeps state of that file when it opens another.
        self._used = False
        # The configuration of the child's colours, None for Blender's own.
        self._ocio: Path | None = None
        self._ocio_output = OcioOutput()
        self._killed = False
        # Whether Blender waits, within a render, for the command to render the next frame.
        self._in_run = False

    @property
    def pid(self) -> int | None:
        """The child's process id, None if there is no child."""
        return None if self._process is None else self._process.pid

    @property
    def open_scene(self) -> "OpenScene | None":
        """The open scene, None before a scene is open."""
        return self._open_scene

    def start(self, version: str | None = None, *, ocio: Path | None = None) -> None:
        """Start Blender and return at once: it loads while the supervisor polls the queue.

        Args:
            version: the full version; None for that of the last child, at first the worker's default.
            ocio: the OpenColorIO configuration, None for Blender's own.

        Raises:
            BlenderMismatch: this worker does not have it.
        """
        blender = find_blender(version or self._version)
        if self._process is not None and self._process.poll() is None and self._version == blender.version:
            return
        self._reset()
        (home := self._scratch / "home").mkdir(parents=True, exist_ok=True)
        (temporary := self._scratch / "tmp").mkdir(exist_ok=True)
        self._ocio, self._ocio_output = ocio, OcioOutput()
        self._process = subprocess.Popen(
            command_of(blender),
            cwd=Path(__file__).parent.parent,
            env=environment_of(blender, home=home, temporary=temporary, ocio=ocio),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        # The system reuses process ids, and other machines have the same ones.
        self._name, self._version = secrets.token_hex(8), blender.version
        self._killed = False
        self._reader = threading.Thread(target=self._listen, args=(self._process,), name="blender", daemon=True)
        self._reader.start()

    def open(
        self,
        scene: Path,
        settings: "RenderSettings",
        *,
        name: str,
        complete: bool = True,
        allowed: tuple[str, ...] = (),
        root: Path | None = None,
        absolute: Path | None = None,
    ) -> str | None:
        """Open a scene and set it up, unless it is open already; a process that has opened another scene is replaced.

        Returns:
            Why the process has network access; None if it has not, or if the scene was open already.

        Args:
            name: the scene's name in errors.
            complete: whether a missing file that the scene refers to is an error, except those in `allowed`.
            allowed: names and patterns of files that may be missing.
            root: the folder that an untrusted scene is confined to; None for the scene's own folder.
            absolute: the folder in it with the files that have absolute paths in the scene; None without such files.

        Raises:
            FarmError: Blender cannot render the scene, or this worker does not have the version in the settings.
            BlenderKilled: Blender was killed.
        """
        if self._in_run:
            self.close()
        if (
            self._open_scene == (scene, settings, complete, allowed)
            and self._process is not None
            and self._process.poll() is None
        ):
            return None
        ocio = None if settings.ocio is None else (root or scene.parent) / settings.ocio
        if self._used or ocio != self._ocio:
            self.close()
        self.start(settings.blender, ocio=ocio)
        self._substitutions.expect()
        self._open_scene, self._used = None, True
        command: dict[str, Any] = {"do": "open", "path": str(scene), "name": name, "settings": settings.to_json()}
        command |= {"root": str(root or scene.parent), "absolute": None if absolute is None else str(absolute)}
        answer = self._ask(command | {"complete": complete, "allowed": allowed}, frame=None)
        self._substitutions.wait()
        if ocio is not None:
            self._ocio_output.check_used()
        self._substitutions.check(answer["scenes"], only=answer["only"], engine_named=settings.engine is not None)
        self._open_scene = (scene, settings, complete, allowed)
        network: str | None = answer["network"]
        return network

    def inspect(self, scene: Path, *, name: str, version: str | None = None) -> dict[str, Any]:
        """Return the facts about a scene (`frameloom.model.scene_json`), read by a process that ends with its answer.

        Raises:
            FarmError, BlenderKilled: as `open`.
        """
        if self._used:
            self.close()
        self.start(version)
        self._used = True
        answer = self._ask({"do": "inspect", "path": str(scene), "name": name}, frame=None)
        self.close()
        facts: dict[str, Any] = answer["facts"]
        return facts

    def render(self, frame: int, *paths: Path, run: range | None = None) -> RenderedFrame:
        """Render a frame of the open scene to `paths`.

        Args:
            paths: the path of each of its files, one for each view of a stereo scene with individual views.
            run: consecutive frames that are rendered with one call each, in order, this one among them. Blender
                renders them as one animation. After an incomplete run, `open` starts a new process.

        Raises:
            AttemptFailed: Blender failed or crashed, or hung and was killed.
            BlenderKilled: Blender was killed by `kill`.
        """
        run = run or range(frame, frame + 1)
        command = {"do": "render", "frame": frame, "paths": [*map(str, paths)], "last": run[-1], "step": run.step}
        self._in_run = frame != run[-1]
        self._substitutions.expect()
        try:
            answer = self._ask(command, frame=frame)
            if self._ocio is not None:
                self._substitutions.wait()
                self._ocio_output.check_converted()
        except (BlenderKilled, FarmError):
            # Blender may have ended while it wrote the file.
            for path in paths:
                path.unlink(missing_ok=True)
            raise
        size = answer["size"]
        return RenderedFrame(
            frame=frame,
            files=tuple(RenderedFile(path=path, **file) for path, file in zip(paths, answer["files"], strict=True)),
            process=self._name,
            size=None if size is None else (size[0], size[1]),
            depth=answer["depth"],
            seconds=answer["seconds"],
        )

    def pass_through(self, run: range) -> None:
        """Take simulations through frames without images, as one animation; raise as `render` does."""
        self._ask({"do": "pass", "frame": run[0], "last": run[-1], "step": run.step}, frame=run[0])

    def kill(self) -> None:
        """Kill the child at once, also within a frame, since Blender cannot cancel; any thread may call it."""
        self._killed = True
        # Read once: the thread that renders may reset it meanwhile.
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the child."""
        self.kill()
        self._reset()

    def _ask(self, command: dict[str, Any], *, frame: int | None) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise BlenderKilled
        self._frame = frame
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()
        # Also from a child that has ended: it may have answered why.
        self._wait_for(process.stdout, frame)
        line = process.stdout.readline()
        if not line.endswith("\n"):
            raise self._ended(frame)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            # Within a render Blender takes no other command, so `open` must kill the child.
            self._in_run = self._in_run and answer.get("within", False)
            if answer.get("ended"):
                self._reset()
            kind = by_name(answer["error"]) or RenderCrashed
            raise kind(**answer["facts"])
        return answer

    def _wait_for(self, answers: IO[str], frame: int | None) -> None:
        """Wait until there is an answer, or the child has ended.

        The time without output is the sum of the polls and not a difference of two clock times: when the machine is
        suspended, the child is not silent.

        Raises:
            RenderHung: it printed nothing for `silence_timeout`, and was killed.
            OutOfMemory: it was about to use up the memory, and was killed.
            BlenderKilled: `kill` was called at the same time.
        """
        silent, lines_read, poll = 0.0, self._lines_read, _POLL
        readable = select.poll()
        readable.register(answers, select.POLLIN)
        while not readable.poll(poll * 1000):
            silent += poll
            memory = container_memory()
            self._note(memory)
            if memory is not None and is_short(memory) and not self._killed:
                raise self._out_of_memory(frame, memory)
            poll = _FAST_POLL if memory is not None and is_scarce(memory) else _POLL
            if self._lines_read != lines_read:
                silent, lines_read = 0.0, self._lines_read
            elif silent >= self.silence_timeout.total_seconds():
                raise self._hung(frame)

    def _note(self, memory: Memory | None) -> None:
        if memory is not None and (self.lowest_memory is None or memory.left < self.lowest_memory.left):
            self.lowest_memory = memory

    def _out_of_memory(self, frame: int | None, memory: Memory) -> BlenderKilled | OutOfMemory:
        """Kill the child before the kernel kills the whole container, and return the error."""
        self._reset()
        if self._killed:
            return BlenderKilled()
        return OutOfMemory(where=_place(frame), problem=f"{memory} were in use")

    def _hung(self, frame: int | None) -> BlenderKilled | RenderHung:
        """Kill a child that hangs, and return the error."""
        output = " | ".join(self._last_lines)
        self._reset()
        if self._killed:
            return BlenderKilled()
        seconds = round(self.silence_timeout.total_seconds())
        return RenderHung(where=_place(frame), seconds=seconds, output=output or "none")

    def _ended(self, frame: int | None) -> BlenderKilled | FarmError:
        """Return the error that the child's exit stands for."""
        killed = self._killed
        code = None if self._process is None else self._process.wait()
        if self._reader is not None:
            self._reader.join()
        output = " | ".join(self._last_lines)
        self._reset()
        if killed:
            return BlenderKilled()
        return exit_error(code, output=output, where=_place(frame))

    def _reset(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        if self._reader is not None:
            self._reader.join()
        # A killed Blender does not remove its temporary files.
        shutil.rmtree(self._scratch / "tmp", ignore_errors=True)
        self._process, self._open_scene, self._used, self._reader = None, None, False, None
        self._in_run = False
        self._last_lines.clear()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        if process.stderr is None:
            return
        with process.stderr as lines:
            for line in lines:
                if self._substitutions.add(line.rstrip()):
                    continue
                self._ocio_output.add(line)
                self._last_lines.append(line.rstrip())
                if self.on_output is not None:
                    self.on_output(line.rstrip(), self._frame)
                self._lines_read += 1


def _place(frame: int | None) -> str:
    return "the opening of the scene" if frame is None else f"frame {frame}"
