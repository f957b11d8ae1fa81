"""Films and reports in the output folder: no film is replaced, and a report only by a later one of the same film."""

import filecmp
import itertools
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from frameloom.cli.results import FRAMES_REPORT, REPORT, Results
from frameloom.model import keys
from frameloom.model.report import JobReport
from frameloom.services.fetch import partial_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where the film and the report of a job came to lie; no film where it made none."""

    report: Path
    video: Path | None = None


def keep(results: Results, report: dict[str, Any], *, identity: str, fetch: Callable[[Path], None] | None) -> Kept:
    """Write a job's report and the film that `fetch` writes to a path, under one version.

    It is the version of the same film, byte for byte, or the next after all that exist: the highest is the newest.
    A report is replaced by one of the same film, or of the same request where neither has a film.
    """
    with ExitStack() as stack:
        written = stack.enter_context(partial_file(results.report(film=fetch is not None)))
        written.write_text(json.dumps(report | {"identity": identity}, indent=2, ensure_ascii=False), encoding="utf-8")
        film = None
        if fetch is not None:
            film = stack.enter_context(partial_file(results.video()))
            fetch(film)
        work = _Work(results=results, report=written, film=film, identity=identity)
        while True:
            if (kept := work.place(work.version())) is not None:
                return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is to be placed."""

    results: Results
    report: Path
    film: Path | None
    identity: str

    def version(self) -> int:
        """Return the version that is this work's, as the folder is now."""
        endings = [FRAMES_REPORT] if self.film is None else [REPORT, self.results.container]
        taken = self._versions(self.results.out, endings)
        same = next((version for version in sorted(taken) if self._is_at(version)), None)
        if same is not None:
            return same
        # A scene that is saved as shot_v002.blend will want that name for its own film.
        folders = (self.results.out, self.results.scene.absolute().parent)
        scenes = {version for folder in folders for version in self._versions(folder, ["blend"]) if version > 1}
        after = itertools.count(max(taken, default=0) + 1)
        return next(version for version in after if version not in scenes)

    def place(self, version: int) -> Kept | None:
        """Put film and report under a version; None where another command has just taken it."""
        video, report = self._paths(version)
        new = self.film is not None and _put(self.film, video)
        if not new and self.film is not None and not _equal(self.film, video):
            return None
        if not _put(self.report, report):
            if not self._replaces(report, same_film=self.film is not None and not new):
                if new:
                    video.unlink()
                return None
            self.report.replace(report)
        return Kept(report=report, video=None if self.film is None else video)

    def _versions(self, folder: Path, endings: list[str]) -> set[int]:
        try:
            names = [path.name for path in folder.iterdir()]
        except OSError:
            # A folder may hold a scene and not be listed.
            names = []
        found = (keys.version_of(name, self.results.name, endings) for name in names)
        return {version for version in found if version is not None}

    def _is_at(self, version: int) -> bool:
        """Return whether what lies under a version is this very work, of an earlier run."""
        video, report = self._paths(version)
        if self.film is not None and os.path.lexists(video):
            return _equal(self.film, video) and (not os.path.lexists(report) or self._replaces(report, same_film=True))
        return self._replaces(report, same_film=False)

    def _replaces(self, report: Path, *, same_film: bool) -> bool:
        """Return whether a farm wrote the report that lies there, on the same film or for the same request."""
        try:
            there = JobReport.model_validate_json(report.read_bytes())
        except (OSError, ValidationError):
            return False
        # Beside the same film it may be of a copy of the scene, or of an earlier version of this program.
        return same_film or there.identity == self.identity

    def _paths(self, version: int) -> tuple[Path, Path]:
        return self.results.video(version), self.results.report(version, film=self.film is not None)


def _equal(one: Path, other: Path) -> bool:
    try:
        return other.is_file() and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _put(source: Path, target: Path) -> bool:
    """Give a file its name where nothing has it, in one step; return False where something has."""
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    except OSError:
        # A file system without links: the name is taken by an empty file first.
        try:
            with target.open("xb"):
                pass
        except FileExistsError:
            return False
        try:
            source.replace(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return True
