"""Frame ranges: the frames of a job, a chunk or a segment.

The grammar is OpenJD's integer range expression: `1-10`, `1-10:2` (every second frame), `10-1:-1` (the frames of
`1-10`), `-5--1` (negative frames), and any of them joined by commas, with white space between a number and a sign.
A range is a set of frames, which render in ascending order. No frame may occur twice, in OpenJD neither. Ranges may
interleave, as in `1-9:4,3-7:4`, and numbers may have a plus sign: OpenJD refuses both.
https://github.com/OpenJobDescription/openjd-specifications/wiki/2023-09-Template-Schemas#34111-intrangeexpr
"""

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from frameloom.model.errors import InvalidRequest

MAX_FRAMES = 1_000_000
# Blender's own limits of a frame number (MINAFRAMEF and MAXFRAMEF of its DNA_scene_types.h).
FIRST_FRAME, LAST_FRAME = -1_048_574, 1_048_574

_NUMBER = r"\s*([+-]?\s*[0-9]{1,9})\s*"
_SPAN = re.compile(rf"{_NUMBER}(?:-{_NUMBER}(?::{_NUMBER})?)?", re.ASCII)
_GRAMMAR = "write frames like 7, 1-10, 1-10:2 or 1-10:2,15,20-30"
# OpenCue's notation for every Nth frame, and for the frames between those.
_OPENCUE = re.compile(rf"{_NUMBER}-{_NUMBER}([xy]){_NUMBER}", re.ASCII | re.IGNORECASE)
# The longest range that a message proposes, in characters.
_LONGEST_PROPOSAL = 30


@dataclass(frozen=True, slots=True)
class FrameRange:
    """A set of frames in ascending order; two ranges are equal when they hold the same frames."""

    spans: tuple[range, ...]

    @classmethod
    def parse(cls, text: str, *, field: str = "frames") -> Self:
        """Return the frames that `text` names.

        Raises:
            InvalidRequest: the text does not match the grammar, has a step with the wrong sign, or names a frame
                twice, more than MAX_FRAMES frames, or a frame outside Blender's limits.
        """
        # Shorten white space first, which would make the pattern backtrack.
        spans = [_parse_span(" ".join(part.split()), field) for part in text.split(",")]
        count = sum(map(len, spans))
        if count > MAX_FRAMES:
            raise InvalidRequest(field=field, problem=f"{count:,} frames exceed the limit of {MAX_FRAMES:,} per job")
        if len(spans) == 1 and count > 2:
            # The common case; this stays fast for a million frames.
            return cls((range(spans[0][0], spans[0][-1] + 1, spans[0].step),))
        frames = sorted(itertools.chain.from_iterable(spans))
        for one, other in itertools.pairwise(frames):
            if one == other:
                raise InvalidRequest(field=field, problem=f"frame {one} is named twice in {_short(text)}")
        return cls(tuple(_spans(frames)))

    @classmethod
    def of(cls, frames: Iterable[int]) -> Self:
        """Return the range that holds these frames, each once."""
        return cls(tuple(_spans(sorted(set(frames)))))

    @classmethod
    def between(cls, start: int, end: int, step: int = 1, *, field: str = "frames") -> Self:
        """Return the frames from `start` to `end`, both included; raise as `parse` does."""
        return cls.parse(f"{start}-{end}:{step}", field=field)

    def __len__(self) -> int:
        return sum(map(len, self.spans))

    def __iter__(self) -> Iterator[int]:
        return itertools.chain.from_iterable(self.spans)

    def __contains__(self, frame: object) -> bool:
        return any(frame in span for span in self.spans)

    def __str__(self) -> str:
        """Return the range in the grammar; `parse` reverses this."""
        return ",".join(map(_print_span, self.spans))

    def chunks(self, size: int) -> Iterator["FrameRange"]:
        """Yield ranges of `size` frames (the last may hold fewer): every frame exactly once, in order."""
        frames = iter(self)
        while part := tuple(itertools.islice(frames, size)):
            yield FrameRange(tuple(_spans(part)))

    def slice(self, first: int, count: int) -> "FrameRange":
        """Return `count` frames, starting with the frame at index `first`."""
        return FrameRange(tuple(_spans(itertools.islice(self, first, first + count))))

    def without(self, frames: Iterable[int]) -> "FrameRange":
        """Return this range minus `frames`."""
        excluded = frozenset(frames)
        return FrameRange(tuple(_spans(frame for frame in self if frame not in excluded)))


def _parse_span(text: str, field: str) -> range:
    """Return the frames of a span in ascending order: `10-1:-3` is 1, 4, 7 and 10."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise InvalidRequest(field=field, problem=f"{_short(text)} is not a range of frames: {_remedy(text)}")
    start, stop, step = (None if number is None else _whole(number) for number in match.groups())
    if start is None or stop is None:
        start = stop = _whole(match[1])
    step = 1 if step is None else step
    if step == 0:
        raise InvalidRequest(field=field, problem=f"the step of {_short(text)} must not be 0")
    if step > 0 and stop < start:
        stepped = f"{stop}-{start}" if step == 1 else f"{stop}-{start}:{step}"
        raise InvalidRequest(
            field=field, problem=f"{_short(text)} counts down: write {stepped}, or {start}-{stop}:{-step}"
        )
    if step < 0 and stop > start:
        raise InvalidRequest(
            field=field,
            problem=f"the step of {_short(text)} is negative, but the range counts up: write {start}-{stop}:{-step}",
        )
    for frame in (start, stop):
        if not FIRST_FRAME <= frame <= LAST_FRAME:
            raise InvalidRequest(
                field=field, problem=f"frame {frame} is outside Blender's limits, {FIRST_FRAME} to {LAST_FRAME}"
            )
    return range(start, stop + 1, step) if step > 0 else range(start, stop - 1, step)[::-1]


def _whole(number: str) -> int:
    """Return a number; white space may follow its sign."""
    return int("".join(number.split()))


def _remedy(text: str) -> str:
    """Return the hint of a message: the translation of an OpenCue range, otherwise the grammar."""
    match = _OPENCUE.fullmatch(text)
    if match is None:
        return _GRAMMAR
    start, stop, step = (_whole(match[number]) for number in (1, 2, 4))
    ours = f"{start}-{stop}:{step}"
    try:
        every = FrameRange.parse(ours)
        if match[3] in "yY":
            ours = str(FrameRange.parse(f"{min(start, stop)}-{max(start, stop)}").without(every))
    except InvalidRequest:
        return _GRAMMAR
    if not ours:
        return _GRAMMAR
    if len(ours) > _LONGEST_PROPOSAL:
        ours = ours[:_LONGEST_PROPOSAL].rpartition(",")[0] + ",..."
    return f"OpenCue's {text} is {ours} here"


def _spans(frames: Iterable[int]) -> Iterator[range]:
    """Yield spans that hold the given ascending frames; the same frames always give the same spans."""
    held: list[int] = []  # A span as [first, last, step], or [first].
    for frame in frames:
        if len(held) == 1:
            held += [frame, frame - held[0]]
        elif held and frame - held[1] == held[2]:
            held[1] = frame
        elif held and held[1] - held[0] == held[2] and held[2] > 1:
            # Two frames do not make a stride: the first stays alone, and the second may start a stride.
            yield range(held[0], held[0] + 1)
            held = [held[1], frame, frame - held[1]]
        else:
            if held:
                yield range(held[0], held[1] + 1, held[2])
            held = [frame]
    if len(held) == 1:
        yield range(held[0], held[0] + 1)
    elif held and held[1] - held[0] == held[2] and held[2] > 1:
        yield range(held[0], held[0] + 1)
        yield range(held[1], held[1] + 1)
    elif held:
        yield range(held[0], held[1] + 1, held[2])


def _print_span(span: range) -> str:
    if len(span) == 1:
        return str(span[0])
    return f"{span[0]}-{span[-1]}" if span.step == 1 else f"{span[0]}-{span[-1]}:{span.step}"


def _short(text: str) -> str:
    """Return the user's text in quotes, cut to 40 characters."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
