"""The constructions that docs/decisions/0021-plain-english.md avoids, and how often each may stand in 1,000 words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.prose.passages import Passage

LONG_SENTENCE_WORDS = 40

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9'_.-]*")
# A sentence ends at a full stop, a question mark or a blank line; in a table, at the end of a cell.
_SENTENCE = re.compile(r"(?:[^.?!|\n]|[.?!](?![\s)\"']|$)|\n(?!\s*\n))+[.?!]*", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A construction to avoid, and its highest rate in 1,000 words."""

    name: str
    pattern: str
    limit: float
    instead: str

    def found_in(self, sentence: str) -> Iterator[int]:
        """Yield the offset of each use."""
        flags = 0 if self.pattern.startswith("(?-i)") else re.IGNORECASE
        pattern = self.pattern.removeprefix("(?-i)").replace(" ", r"\s+")
        yield from (match.start() for match in re.finditer(pattern, sentence, flags))


# The limits come from five well-kept projects, counted by these rules: docs/decisions/0021-plain-english.md.
RULES = (
    Rule(
        name="what-is",
        pattern=r"\bwhat (?:is|was|are|were|the|an?|its?|they|has|had|does|did|can|must|may)\b(?![^.?!]*\?)",
        limit=0.1,
        instead="name the thing: 'the settings', not 'what is set'",
    ),
    Rule(
        name="what",
        pattern=r"\bwhat (?!if\b|to\b|happens\b)\w+(?![^.?!]*\?)",
        limit=0.4,
        instead="name the thing: 'the missing frames', not 'what lies nowhere'",
    ),
    Rule(
        name="whoever",
        pattern=r"\bwho(?:m|so)?ever\b",
        limit=0.0,
        instead="an imperative or a role: 'To keep the view transform, render PNG'",
    ),
    Rule(
        name="none",
        pattern=r"(?-i)\b(?:is|are|was|were|has|have|had|knows?|needs?) none\b"
        r"|\b[Nn]one (?:of|is|are|was|were|has|can)\b",
        limit=0.1,
        instead="a plain negative: 'has no frames', 'does not exist'",
    ),
    Rule(
        name="nobody",
        pattern=r"\b(?:nobody|no one)\b",
        limit=0.05,
        instead="name the actor or the state: 'the task token has expired', not 'nobody waits'",
    ),
    Rule(
        name="tell-say",
        pattern=r"\b(?:tells?|told|telling|says?|said|saying)\b",
        limit=0.5,
        instead="log, report, return, print, notify, show",
    ),
    Rule(name="look-at", pattern=r"\blook(?:s|ed|ing)? at\b", limit=0.2, instead="check, inspect, read"),
    Rule(
        name="one-that",
        pattern=r"\b(?:one|those) (?:that|which|who|whose)\b",
        limit=0.1,
        instead="repeat the noun: 'a running farm', not 'one that is up'",
    ),
    Rule(
        name="stands-lies",
        pattern=r"\b(?:stands?|stood|lies|lie|lay)\b(?! for\b)",
        limit=0.05,
        instead="is, is stored in, is listed in",
    ),
    Rule(
        name="word",
        pattern=r"\b(?:beats?|surely|errands?|patience|mend(?:s|ed|ing)?|anew|lest|whence|thereof)\b"
        r"|\bany ?more\b|\bto be had\b",
        limit=0.1,
        instead="heartbeat, (name what it guarantees), job run, timeout, patch, again, no longer",
    ),
    Rule(
        name="long",
        pattern=rf"^\s*(?:\S+\s+){{{LONG_SENTENCE_WORDS},}}\S",
        limit=0.9,
        instead=f"sentences of at most {LONG_SENTENCE_WORDS} words",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A use of a construction: the rule, the line of the word and the whole sentence."""

    rule: Rule
    passage: Passage
    line: int
    sentence: str


def findings(passage: Passage) -> Iterator[Finding]:
    """Yield each use of each rule in a passage."""
    for match in _SENTENCE.finditer(passage.text):
        for rule in RULES:
            for offset in rule.found_in(match[0]):
                line = passage.line + passage.text.count("\n", 0, match.start() + offset)
                yield Finding(rule=rule, passage=passage, line=line, sentence=" ".join(match[0].split()))


def words_in(passage: Passage) -> int:
    """Return the number of words; a code span counts as one."""
    return len(_WORD.findall(passage.text))
