"""Durations such as 90s or 15m."""

import re

from frameloom.model.errors import InvalidRequest

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str, *, field: str) -> float:
    """Return `90`, `90s`, `1.5m` or `2h` in seconds, above zero.

    Raises:
        InvalidRequest: the text is not such a time; the message names the field.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if seconds <= 0:
        raise InvalidRequest(field=field, problem=f"takes a time such as 90, 90s, 15m or 2h, not {text!r}")
    return seconds
