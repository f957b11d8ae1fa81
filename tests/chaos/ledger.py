"""A record of the disturbances of a run and of their results."""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.proxy import Call


@dataclass(slots=True, kw_only=True)
class Entry:
    """A disturbance: its kind, target, second of the run, the affected job, and its result."""

    kind: str
    to: str
    at: float
    job_id: str | None = None
    result: str = ""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Keeps the entries; any thread may write."""

    entries: list[Entry] = field(default_factory=list)
    _refused: dict[str, list[Entry]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, to: str, *, at: float, job_id: str | None = None, result: str = "") -> Entry:
        """Record a disturbance."""
        entry = Entry(kind=kind, to=to, at=at, job_id=job_id, result=result)
        with self._lock:
            self.entries.append(entry)
        return entry

    def unanswered(self, call: Call, entry: Entry) -> None:
        """Record that a call got no usable answer."""
        entry.result = "not retried"
        with self._lock:
            self._refused.setdefault(_identity(call), []).append(entry)

    def answered(self, call: Call) -> None:
        """Record that a call was answered: an earlier failed call of the same content was retried."""
        with self._lock:
            for entry in self._refused.pop(_identity(call), []):
                entry.result = "retried and answered"

    def jobs_ended(self, statuses: Mapping[str, str]) -> None:
        """Record the final statuses of the affected jobs, by id."""
        for entry in self.entries:
            if entry.job_id is not None:
                entry.result = f"job {statuses[entry.job_id]}"

    def kinds(self) -> Counter[str]:
        """Return the count of disturbances by kind."""
        return Counter(entry.kind for entry in self.entries)

    def results(self, kind: str) -> Counter[str]:
        """Return the count of results of one kind of disturbance."""
        return Counter(entry.result for entry in self.entries if entry.kind == kind)


def _identity(call: Call) -> str:
    # A second render may differ in time stamps, but stores the same object.
    what = call.path.encode() if call.service == "s3" else call.body
    return f"{call.name} {hashlib.sha256(what).hexdigest()}"
