"""Blender, held at arm's length: a child process that is asked by JSON lines and may be killed at any time."""

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from frameloom.model.errors import FarmError, OutOfMemory, RenderCrashed, RenderHung, by_name
from frameloom.services.system.memory import Memory, container_memory
from worker.memory import is_scarce, is_short
from worker.notices import Notices

if TYPE_CHECKING:
    # What takes a tenth of a second to import, in which Blender can load already.
    from frameloom.model.settings import RenderSettings

# What of the supervisor's environment Blender may see: nothing that leads to AWS.
_PASSED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES")
_LAST_WORDS = 20
# Seconds between two looks at whether a child that has not answered has said anything, and at what memory is left; and
# where that is little: a gigabyte is taken within a second.
_LOOK, _CLOSE_LOOK = 0.1, 0.02
# What a program says whose memory has run out, before it crashes of it.
_STARVED = ("malloc returns null", "calloc returns null", "bad_alloc", "out of memory", "memoryerror")


# What is open: the scene's file, what the job asks for, and whether what it refers to had to be there.
Opened: TypeAlias = "tuple[Path, RenderSettings, bool]"


class ChildGone(Exception):
    """The child ended before it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A frame that Blender wrote; `size` in pixels, None where only Blender knows it; `seconds` of wall time.

    `depth` is the bits of a channel that it should have, `flat` the colour of a flat frame and `problem` the reason why
    it must not be stored (worker.blender_process.frame_check); both are None for an OpenEXR, which Uploads checks.
    `process` is an id of the process that rendered it, unique among all workers.
    """

    frame: int
    path: Path
    process: str
    size: tuple[int, int] | None
    depth: int
    seconds: float
    flat: str | None = None
    problem: str | None = None


class Blender:
    """One child process; started on first use, restarted after it died and for each other scene."""

    # How long it may say nothing while it opens or renders; the chunk at hand says.
    patience = timedelta(hours=4)
    # Is told each line that Blender prints, and of which frame it is, where somebody wants to know.
    tell: Callable[[str, int | None], None] | None = None
    # The least memory that its container has had left while Blender worked; whoever asks sets it back.
    tightest: Memory | None = None

    def __init__(self, *, scratch: Path) -> None:
        self._heard = 0
        self._frame: int | None = None
        self._scratch = scratch
        self._process: subprocess.Popen[str] | None = None
        self._name = ""
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._notices = Notices()
        self._reader: threading.Thread | None = None
        self._held: Opened | None = None
        # Whether the child was asked to open a file. Blender keeps state of a file when it opens another.
        self._used = False
        self._killed = False
        # Whether Blender waits, within a render, for the next frame of a run.
        self._in_run = False

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def opened(self) -> "Opened | None":
        """What is open, None where nothing is."""
        return self._held

    def start(self) -> None:
        """Start Blender and do not wait for it: it loads while the supervisor looks for work."""
        if self._process is not None and self._process.poll() is None:
            return
        self._forget()
        home, temporary = self._scratch / "home", self._scratch / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(exist_ok=True)
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        environment |= {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "worker.blender_process"],
            cwd=Path(__file__).parent.parent,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        # Process ids are reused, and are not unique among machines.
        self._name = secrets.token_hex(8)
        self._killed = False
        self._reader = threading.Thread(target=self._listen, args=(self._process,), name="blender", daemon=True)
        self._reader.start()

    def open(
        self, scene: Path, settings: "RenderSettings", *, name: str, complete: bool = True, root: Path | None = None
    ) -> str | None:
        """Open a scene and set it up, unless it is open already; start a new process if this one has opened another.

        Returns:
            Why the process that opened it has a network; None where it has none, or nothing was opened.

        Args:
            name: what errors call the scene.
            complete: whether a file that it refers to and that is not there is an error.
            root: the folder that an untrusted scene is confined to; the scene's own folder when None.

        Raises:
            FarmError: what Blender found wrong with the scene.
            ChildGone: Blender was killed.
        """
        if self._in_run:
            self.close()
        if self._held == (scene, settings, complete) and self._process is not None and self._process.poll() is None:
            return None
        if self._used:
            self.close()
        self.start()
        self._notices.begin()
        self._held, self._used = None, True
        command = {"do": "open", "path": str(scene), "name": name, "settings": settings.to_json()}
        command |= {"root": str(root or scene.parent)}
        answer = self._ask(command | {"complete": complete}, frame=None)
        self._notices.check(answer["scenes"], only=answer["only"], engine_named=settings.engine is not None)
        self._held = (scene, settings, complete)
        network: str | None = answer["network"]
        return network

    def render(self, frame: int, path: Path, *, run: range | None = None) -> Rendered:
        """Render a frame of the open scene to `path`.

        Args:
            run: frames that are asked for one after the other, this one among them. Blender keeps the scene evaluated
                from one to the next, and is ended by `open` where somebody stops in the middle of them.

        Raises:
            AttemptFailed: Blender failed or died, or hung and was killed.
            ChildGone: Blender was killed by `kill`.
        """
        run = run or range(frame, frame + 1)
        command = {"do": "render", "frame": frame, "path": str(path), "last": run[-1], "step": run.step}
        self._in_run = frame != run[-1]
        try:
            answer = self._ask(command, frame=frame)
        except (ChildGone, FarmError):
            # Blender may have been ended in the middle of writing it.
            path.unlink(missing_ok=True)
            raise
        size = answer["size"]
        return Rendered(
            frame=frame,
            path=path,
            process=self._name,
            size=None if size is None else (size[0], size[1]),
            depth=answer["depth"],
            seconds=answer["seconds"],
            flat=answer["flat"],
            problem=answer["problem"],
        )

    def kill(self) -> None:
        """End the child at once, in mid-frame if need be: Blender has no cancel of its own. Any thread may call."""
        self._killed = True
        # Read once: the thread that asks may forget it meanwhile.
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the child and forget the scene."""
        self.kill()
        self._forget()

    def _ask(self, command: dict[str, Any], *, frame: int | None) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ChildGone
        line, self._frame = "", frame
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(command) + "\n")
            process.stdin.flush()
            self._wait_for(process.stdout, frame)
            line = process.stdout.readline()
        if not line.endswith("\n"):
            raise self._end(frame)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            # Blender is still in its render, so the child can only be killed.
            self._in_run = self._in_run and answer.get("within", False)
            kind = by_name(answer["error"]) or RenderCrashed
            raise kind(**answer["facts"])
        return answer

    def _wait_for(self, answers: IO[str], frame: int | None) -> None:
        """Wait until there is an answer, or the child has ended.

        Silence is counted look by look and not by the clock: a worker that was itself stopped for a while, with
        its machine say, must not take that for its child's silence.

        Raises:
            RenderHung: it was silent past all patience, and was killed.
            OutOfMemory: it was about to take all memory, and was killed.
            ChildGone: `kill` came at the same time, and counts.
        """
        silent, heard, look = 0.0, self._heard, _LOOK
        readable = select.poll()
        readable.register(answers, select.POLLIN)
        while not readable.poll(look * 1000):
            silent += look
            left = container_memory()
            self._note(left)
            if left is not None and is_short(left) and not self._killed:
                raise self._starved(frame, left)
            look = _CLOSE_LOOK if left is not None and is_scarce(left) else _LOOK
            if self._heard != heard:
                silent, heard = 0.0, self._heard
            elif silent >= self.patience.total_seconds():
                raise self._hung(frame)

    def _note(self, left: Memory | None) -> None:
        if left is not None and (self.tightest is None or left.left < self.tightest.left):
            self.tightest = left

    def _starved(self, frame: int | None, left: Memory) -> ChildGone | OutOfMemory:
        """Kill a child before the kernel kills its worker along with it, and return the error."""
        self._forget()
        if self._killed:
            return ChildGone()
        return OutOfMemory(where=_place(frame), problem=f"{left} were in use")

    def _hung(self, frame: int | None) -> ChildGone | RenderHung:
        """Kill a child that has hung and return the error; stopped or spinning, it does not outlive SIGKILL."""
        words = " | ".join(self._words)
        self._forget()
        if self._killed:
            return ChildGone()
        seconds = round(self.patience.total_seconds())
        return RenderHung(where=_place(frame), seconds=seconds, words=words or "none")

    def _end(self, frame: int | None) -> ChildGone | FarmError:
        """Return what the child's end means, and forget it."""
        killed = self._killed
        code = None if self._process is None else self._process.wait()
        if self._reader is not None:
            self._reader.join()
        words = " | ".join(self._words)
        self._forget()
        if killed:
            return ChildGone()
        where = _place(frame)
        if code == -signal.SIGKILL:
            return OutOfMemory(where=where, problem="the system killed it, as it does when memory runs out")
        if any(sign in words.lower() for sign in _STARVED):
            return OutOfMemory(where=where, problem=f"its last words: {words}")
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return RenderCrashed(where=where, problem=f"{how}; its last words: {words or 'none'}")

    def _forget(self) -> None:
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
        # Blender clears its own up as it ends, which it is not left the time for.
        shutil.rmtree(self._scratch / "tmp", ignore_errors=True)
        self._process, self._held, self._used, self._reader = None, None, False, None
        self._in_run = False
        self._words.clear()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        if process.stderr is None:
            return
        with process.stderr as words:
            for line in words:
                if self._notices.hear(line.rstrip()):
                    continue
                self._words.append(line.rstrip())
                if self.tell is not None:
                    self.tell(line.rstrip(), self._frame)
                self._heard += 1


def _place(frame: int | None) -> str:
    return "the opening of the scene" if frame is None else f"frame {frame}"
