"""Durations on the command line."""

import pytest

from frameloom.cli.durations import seconds_of
from frameloom.model.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), (" 5s ", 5), ("0.2s", 0.2)]
)
def test_a_duration_is_parsed(text: str, seconds: float) -> None:
    assert seconds_of(text, field="--for") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5d", "soon", "1h30m", "1e3", "inf", "nan"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--for: takes a time such as 90, 90s, 15m or 2h"):
        seconds_of(text, field="--for")
