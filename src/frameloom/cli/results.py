"""Where a job's results lie on this machine."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest
from frameloom.model.request import JobRequest
from frameloom.model.settings import Container


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The files that a job leaves in the output folder; `stem` is the scene's name without `.blend`."""

    out: Path
    stem: str
    container: Container

    @classmethod
    def of(cls, out: Path, request: JobRequest) -> "Results":
        """Return the results of what a request asks for."""
        return cls(out=out, stem=keys.scene_stem(request.file.rpartition("/")[2]), container=request.video.container)

    @property
    def video(self) -> Path:
        """Return the video's path."""
        return self.out / f"{self.stem}.{self.container}"

    @property
    def report(self) -> Path:
        """Return the report's path."""
        return self.out / f"{self.stem}.report.json"

    def frames(self, render_key: str) -> Path:
        """Return the folder of the frames of one render; another render's lie beside it."""
        return self.out / self.stem / render_key

    def check(self, render_key: str) -> None:
        """Make sure that all of it can be written, and leave nothing behind.

        Raises:
            InvalidRequest: it cannot, and why.
        """
        for folder in (self.out, self.frames(render_key)):
            _check_folder(folder)
        for path in (self.video, self.report):
            if path.is_dir():
                raise InvalidRequest(field="--out", problem=f"{str(path)!r} is a folder, where a file must go")


def _check_folder(folder: Path) -> None:
    nearest = folder.absolute()
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise InvalidRequest(field="--out", problem=f"{str(nearest)!r} is not a folder")
    try:
        # Written to for once: neither an owner nor a mode says that a file system takes files.
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise InvalidRequest(
            field="--out", problem=f"{str(nearest)!r} cannot be written to ({error.strerror})"
        ) from None
