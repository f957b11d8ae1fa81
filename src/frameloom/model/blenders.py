"""Chooses the Blender that renders a scene, from the Blenders of a farm."""

import re
from collections.abc import Iterable, Sequence

from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest, SceneTooNew

# The series with long-term support: one a year, https://www.blender.org/download/lts/.
LTS = frozenset({(2, 83), (2, 93), (3, 3), (3, 6), (4, 2), (4, 5), (5, 2)})
# Since 5.0, Blender opens no file of a big-endian machine, and drops the animation of files of Blender 2.49 and older.
NEWEST_FOR_OLD, FIRST_ANIMATED = (4, 5), (2, 50)
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?", re.ASCII)


def is_version(text: str) -> bool:
    """Return whether a text is a series, such as 4.5, or a full version, such as 4.5.15."""
    return _VERSION.fullmatch(text) is not None


def is_in(version: str, wanted: str) -> bool:
    """Return whether a full version equals `wanted`, or is in the series `wanted`."""
    return is_version(wanted) and f"{version}.".startswith(f"{wanted}.")


def series_of(version: str) -> tuple[int, int]:
    """Return the series of a version as numbers: (4, 5) for 4.5.15."""
    major, minor, *_ = numbers_of(version)
    return major, minor


def numbers_of(version: str) -> tuple[int, ...]:
    """Return the parts of a version as numbers, which sort as versions do: (4, 5, 15) for 4.5.15."""
    return tuple(map(int, version.split(".")))


def parse_blenders(text: str) -> tuple[str, ...]:
    """Return the versions in a text such as `4.5.15 5.0.1`, in their order, oldest first.

    Raises:
        InvalidRequest: the text has no version, or something else.
    """
    found = text.replace(",", " ").split()
    if not found or not all(map(is_version, found)):
        raise InvalidRequest(field="BlenderVersions", problem=f"takes versions such as '4.5.15 5.0.1', not {text!r}")
    return tuple(sorted(set(found), key=numbers_of))


def choose_blender(
    wanted: str | None, *, saved_by: tuple[int, int], blenders: Sequence[str], file: str, big_endian: bool = False
) -> str:
    """Return the Blender of a farm that renders a scene.

    It is the version that the request names. By default it is the series that saved the scene, else the nearest newer
    LTS, else the nearest newer series: a newer Blender converts older files, an older one loses parts of newer files.

    Args:
        wanted: the request's `blender`: a series or a full version, None for the default.
        saved_by: the series of the Blender that saved the scene.
        blenders: the full versions that the farm has, at least one.
        file: the scene's name in messages.
        big_endian: whether a big-endian machine saved the scene.

    Raises:
        InvalidRequest: each Blender of the farm is too new for an old scene; or the farm does not have `wanted`, or
            `wanted` does not fit the scene although another one does.
        SceneTooNew: the farm has no Blender that is new enough.
    """
    ordered = sorted(blenders, key=numbers_of)
    newest = NEWEST_FOR_OLD if big_endian or saved_by < FIRST_ANIMATED else None
    fitting = [version for version in ordered if series_of(version) >= saved_by]
    if newest is not None and fitting:
        fitting = [version for version in fitting if series_of(version) <= newest]
        if not fitting:
            raise _too_old(saved_by, held=ordered, file=file, big_endian=big_endian)
    named = ordered if wanted is None else [version for version in ordered if is_in(version, wanted)]
    if not named:
        how = "leave it out" if len(ordered) == 1 else "name one of them, or leave it out"
        problem = f"this farm has Blender {and_listed(ordered)}, not {wanted!r}: {how}"
        raise InvalidRequest(field="blender", problem=problem)
    saved = "{}.{}".format(*saved_by)
    if not fitting:
        raise SceneTooNew(file=file, version=saved, held=and_listed(ordered), newest=_series_text(ordered[-1]))
    candidates = [version for version in named if version in fitting]
    if not candidates:
        problem = (
            f"Blender {saved} saved {file!r}, and {wanted} would lose parts of it: leave `blender` out, or name "
            f"{and_listed(fitting, last='or')}"
        )
        raise InvalidRequest(field="blender", problem=problem)
    # The newest patch of the best series.
    return max(candidates, key=lambda version: (_rank(series_of(version), saved_by), numbers_of(version)))


def _too_old(saved_by: tuple[int, int], *, held: Sequence[str], file: str, big_endian: bool) -> InvalidRequest:
    lost = "does not open files of big-endian machines" if big_endian else "drops the animation of such files"
    problem = (
        f"Blender {'{}.{}'.format(*saved_by)} saved {file!r}, and this farm has Blender {and_listed(held)}: since 5.0, "
        f"Blender {lost}; open the file in Blender 4.5 and save it, or use a farm with 4.5"
    )
    return InvalidRequest(field="blender", problem=problem)


def _rank(series: tuple[int, int], saved_by: tuple[int, int]) -> tuple[bool, bool, int, int]:
    """Return a value that is the larger, the better a series fits a scene."""
    return series == saved_by, series in LTS, -series[0], -series[1]


def and_listed(versions: Iterable[str], *, last: str = "and") -> str:
    """Return versions as a sentence has them: `4.5.15`, `4.5.15 and 5.0.1`."""
    *first, end = versions
    return f"{listed(first)} {last} {end}" if first else end


def _series_text(version: str) -> str:
    return "{}.{}".format(*series_of(version))
