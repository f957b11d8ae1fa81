"""Frame ranges against OpenJD's own parser."""

from random import Random

import pytest
from openjd.model import IntRangeExpr

from frameloom.model.errors import InvalidRequest
from frameloom.model.frames import FrameRange

EXPRESSIONS = 5000
# Numbers near each other, so that ranges touch, interleave and overlap.
NUMBERS = range(-12, 40)
SPACES = ("", "", "", " ", "  ", "\t", "\n")


def space(random: Random) -> str:
    return random.choice(SPACES)


def number(random: Random) -> str:
    value = random.choice(NUMBERS)
    return f"-{space(random)}{-value}" if value < 0 else random.choice(["", "", "0"]) + str(value)


def element(random: Random) -> str:
    tokens = [number(random)]
    if random.random() < 0.8:
        tokens += ["-", number(random)]
        if random.random() < 0.6:
            tokens += [":", random.choice(["", "", "-"]) + str(random.randint(0, 9))]
    if random.random() < 0.04:
        # Wrong in some way, or still right.
        tokens.insert(random.randrange(len(tokens) + 1), random.choice(["-", ":", ",", "x", "1", ""]))
    return "".join(space(random) + token for token in tokens) + space(random)


def expression(random: Random) -> str:
    return ",".join(element(random) for _ in range(random.choice([1, 1, 1, 2, 3])))


def theirs(text: str) -> tuple[list[int] | None, str]:
    """Return the frames that OpenJD's parser finds, None with the reason if it refuses the text."""
    try:
        return sorted(IntRangeExpr.from_str(text)), ""
    except Exception as error:  # noqa: BLE001  each kind of wrong text has another class
        return None, f"{error} {error.__cause__ or ''}"


def ours(text: str) -> tuple[list[int] | None, str]:
    try:
        return list(FrameRange.parse(text)), ""
    except InvalidRequest as error:
        return None, str(error)


def test_five_thousand_random_expressions_have_the_frames_of_openjd() -> None:
    random, accepted, interleaved, refused = Random(14), 0, 0, 0
    for _ in range(EXPRESSIONS):
        text = expression(random)
        (expected, reason), (found, problem) = theirs(text), ours(text)
        if expected is None and found is not None:
            # On purpose: ranges that interleave without a common frame.
            assert "overlap" in reason, text
            parts = [frame for part in text.split(",") for frame in IntRangeExpr.from_str(part)]
            assert found == sorted(parts) == sorted(set(parts)), text
            interleaved += 1
            continue
        assert found == expected, (text, reason, problem)
        accepted, refused = accepted + (found is not None), refused + (found is None)
    # Each kind is frequent, so that the comparison means something.
    assert accepted > 1500
    assert refused > 1000
    assert interleaved > 20


@pytest.mark.parametrize("text", ["1 - 5", "1-10 : 2", " 1-5 , 7 ", "10 - 1 : -2", "-5 - -1", "- 5 - - 1"])
def test_the_white_space_of_openjds_examples_is_accepted(text: str) -> None:
    assert ours(text) == theirs(text)


def test_openjd_reads_the_ranges_that_the_farm_prints() -> None:
    random = Random(15)
    for _ in range(300):
        frames = FrameRange.of(random.choices(NUMBERS, k=random.randint(1, 25)))
        assert theirs(str(frames))[0] == list(frames)
