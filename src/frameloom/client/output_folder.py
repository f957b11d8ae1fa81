"""The output folder: the paths of a job's film, frames and report on this machine."""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from frameloom.model import keys
from frameloom.model.errors import InvalidRequest
from frameloom.model.request import JobRequest
from frameloom.model.settings import Container

# Suffixes of a film's report, and of the report of a job without a film, which must not take a film's name.
REPORT, FRAMES_REPORT = "report.json", "frames.report.json"
# Versions have three digits; the names of this one are as long as those of any before it.
_LAST_VERSION = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFolder:
    """The paths of one job's results.

    Attributes:
        out: the folder itself.
        scene: the scene's file.
        stem: the scene's name in the bucket without `.blend`; its frames are in a folder of this name.
        name: the name of its film and its report, without their versions.
    """

    out: Path
    scene: Path
    stem: str
    name: str
    container: Container

    @classmethod
    def of(cls, out: Path, request: JobRequest, scene: Path) -> "OutputFolder":
        """Return the paths for a request."""
        stem = keys.scene_stem(request.file.rpartition("/")[2])
        return cls(out=out, scene=scene, stem=stem, name=request.film or stem, container=request.video.container)

    def video(self, version: int = 1) -> Path:
        """Return the path of a version of the film."""
        return self.out / f"{keys.versioned(self.name, version)}.{self.container}"

    def report(self, version: int = 1, *, film: bool = True) -> Path:
        """Return the path of the report on a version of the film, or on a job without a film."""
        return self.out / f"{keys.versioned(self.name, version)}.{REPORT if film else FRAMES_REPORT}"

    def frames(self, render_key: str) -> Path:
        """Return the folder for the frames of one render key."""
        return self.out / self.stem / render_key

    def check(self, render_key: str) -> None:
        """Check that all results can be written, and leave no file behind.

        Raises:
            InvalidRequest: they cannot; the message has the reason.
        """
        for folder in (self.out, self.frames(render_key)):
            _check_folder(folder)
        self._check_names()
        for path in (self.video(), self.report(), self.report(film=False)):
            if path.is_dir():
                raise InvalidRequest(field="out", problem=f"{str(path)!r} is a folder, where a file must go")

    def _check_names(self) -> None:
        versions = (self.report(_LAST_VERSION), self.report(_LAST_VERSION, film=False), self.video(_LAST_VERSION))
        limit = os.pathconf(_nearest(self.out), "PC_NAME_MAX")
        if any(len(os.fsencode(name)) > limit for name in (self.stem, *(path.name for path in versions))):
            problem = (
                f"the name {self.name!r} is too long: a version of its film or report would need more than the {limit} "
                "bytes that the file system takes; rename the scene, or name its film with `film=NAME`"
            )
            raise InvalidRequest(field="path", problem=problem)

    def check_against(self, assets: Iterable[Path]) -> None:
        """Check that the film would not replace a file that the scene reads.

        Raises:
            InvalidRequest: it would; the message names the path.
        """
        film = self.video()
        if any(_same_file(film, asset) for asset in assets):
            problem = (
                f"the film would replace {str(film)!r}, which the scene reads: choose another folder with "
                "`out`, or another name with `film=NAME`"
            )
            raise InvalidRequest(field="out", problem=problem)


def _same_file(one: Path, other: Path) -> bool:
    # The film may not exist yet. Two names of one file may differ by a link or in case.
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False


def _nearest(folder: Path) -> Path:
    """Return the folder, or the innermost one around it that exists."""
    nearest = folder.absolute()
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    return nearest


def _check_folder(folder: Path) -> None:
    nearest = _nearest(folder)
    if not nearest.is_dir():
        raise InvalidRequest(field="out", problem=f"{str(nearest)!r} is not a folder")
    try:
        # Try it: owner and mode do not show whether a file system accepts files.
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise InvalidRequest(field="out", problem=f"{str(nearest)!r} cannot be written to ({error.strerror})") from None
