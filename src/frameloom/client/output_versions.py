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

from frameloom.client.output_folder import FRAMES_REPORT, REPORT, OutputFolder
from frameloom.model import keys
from frameloom.model.report import JobReport
from frameloom.services.storage.atomic_write import partial_file, place_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The paths of a job's film, None if it made none, and of its report."""

    report: Path
    video: Path | None = None


def keep(results: OutputFolder, report: dict[str, Any], *, identity: str, fetch: Callable[[Path], None] | None) -> Kept:
    """Write a job's report, and the film that `fetch` writes to a path, under one version.

    If the folder has the same film, byte for byte, it is that film's version, otherwise the next after all existing
    versions. The highest is the newest. A report replaces one of the same film, or of the same request if neither has
    a film.
    """
    results.out.mkdir(parents=True, exist_ok=True)
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
    """A film and a report that need a version."""

    results: OutputFolder
    report: Path
    film: Path | None
    identity: str

    def version(self) -> int:
        """Return this work's version for the folder's present contents."""
        endings = [FRAMES_REPORT] if self.film is None else [REPORT, self.results.container]
        taken = self._versions(self.results.out, endings)
        same = next((version for version in sorted(taken) if self._is_at(version)), None)
        if same is not None:
            return same
        # Leave version 2 to a scene that is called shot_v002.blend: its own film takes that name.
        folders = (self.results.out, self.results.scene.absolute().parent)
        scenes = {version for folder in folders for version in self._versions(folder, ["blend"]) if version > 1}
        after = itertools.count(max(taken, default=0) + 1)
        return next(version for version in after if version not in scenes)

    def place(self, version: int) -> Kept | None:
        """Store film and report under a version; return None if another command has just taken it."""
        video, report = self._paths(version)
        new = self.film is not None and place_new(self.film, video)
        if not new and self.film is not None and not _equal(self.film, video):
            return None
        if not place_new(self.report, report):
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
            # A folder that is not readable may still hold a scene.
            names = []
        found = (keys.version_of(name, self.results.name, endings) for name in names)
        return {version for version in found if version is not None}

    def _is_at(self, version: int) -> bool:
        """Return whether an earlier run stored this work under a version."""
        video, report = self._paths(version)
        if self.film is not None and os.path.lexists(video):
            return _equal(self.film, video) and (not os.path.lexists(report) or self._replaces(report, same_film=True))
        return self._replaces(report, same_film=False)

    def _replaces(self, report: Path, *, same_film: bool) -> bool:
        """Return whether the existing report is a farm's, for the same film or the same request."""
        try:
            there = JobReport.model_validate_json(report.read_bytes())
        except (OSError, ValidationError):
            return False
        # Beside the same film, the report may be of a copy of the scene, or of an earlier release of Frameloom.
        return same_film or there.identity == self.identity

    def _paths(self, version: int) -> tuple[Path, Path]:
        return self.results.video(version), self.results.report(version, film=self.film is not None)


def _equal(one: Path, other: Path) -> bool:
    try:
        return other.is_file() and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
