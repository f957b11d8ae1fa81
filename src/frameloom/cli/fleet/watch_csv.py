"""Writes samples to a CSV file, each at once, so that an interrupted watch loses none."""

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from frameloom.cli.fleet.watch_sample import FIGURES, Sample
from frameloom.model.errors import InvalidRequest

COLUMNS = ["time", *FIGURES, "problem"]


class CsvLog:
    """Appends samples to a file, after those of earlier watches; a context manager. Without a path it does nothing.

    Raises:
        InvalidRequest: on entry, if the file has other contents.
        OSError: on entry, if it cannot be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        """Open the file."""
        if self._path is None:
            return self
        # No translation: lines of CSV end with \r\n.
        self._file = self._path.open("a+", newline="", encoding="utf-8")
        self._file.seek(0)
        head = next(csv.reader(self._file), None)
        if head is not None and head != COLUMNS:
            self._file.close()
            raise InvalidRequest(field="--csv", problem=f"{str(self._path)!r} has other columns: name another file")
        self._file.seek(0, 2)
        if head is None:
            self._write(COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def add(self, sample: Sample) -> None:
        """Write a sample at once."""
        row = sample.row()
        self._write(["" if row[name] is None else row[name] for name in COLUMNS])

    def _write(self, cells: Sequence[object]) -> None:
        if self._file is not None:
            csv.writer(self._file).writerow(cells)
            self._file.flush()
