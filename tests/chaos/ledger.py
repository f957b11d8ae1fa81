"""What was done to the farm, and what became of it."""

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.proxy import Call


@dataclass(slots=True, kw_only=True)
class Entry:
    """One thing that was done: its kind, to what, at which second of the run, whose job it met, what came of it."""

    kind: str
    to: str
    at: float
    job_id: str | None = None
    fate: str = ""


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Keeps the entries; any thread may write."""

    entries: list[Entry] = field(default_factory=list)
    _refused: dict[str, list[Entry]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, to: str, *, at: float, job_id: str | None = None, fate: str = "") -> Entry:
        """Write down that something was done."""
        entry = Entry(kind=kind, to=to, at=at, job_id=job_id, fate=fate)
        with self._lock:
            self.entries.append(entry)
        return entry

    def unanswered(self, call: Call, entry: Entry) -> None:
        """Write down that a call got no good answer."""
        entry.fate = "not asked again"
        with self._lock:
            self._refused.setdefault(_identity(call), []).append(entry)

    def answered(self, call: Call) -> None:
        """Write down that a call was answered: if it was refused before, it was asked again."""
        with self._lock:
            for entry in self._refused.pop(_identity(call), []):
                entry.fate = "asked again and answered"

    def jobs_ended(self, statuses: Mapping[str, str]) -> None:
        """Write down how the jobs ended, by their ids, that something was done to."""
        for entry in self.entries:
            if entry.job_id is not None:
                entry.fate = f"whose job {statuses[entry.job_id]}"

    def kinds(self) -> Counter[str]:
        """Return how often each kind of thing was done."""
        return Counter(entry.kind for entry in self.entries)

    def fates(self, kind: str) -> Counter[str]:
        """Return what became of the things of one kind."""
        return Counter(entry.fate for entry in self.entries if entry.kind == kind)


def _identity(call: Call) -> str:
    # An image that is rendered again may differ in its time stamps, and is still the same thing to store.
    what = call.path.encode() if call.service == "s3" else call.body
    return f"{call.name} {hashlib.sha256(what).hexdigest()}"
