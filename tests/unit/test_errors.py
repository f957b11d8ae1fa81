"""The errors of the farm: their names are interface, their docstrings are messages."""

import pickle
import string
from typing import Any

import pytest

from frameloom.model import errors
from frameloom.model.errors import AttemptFailed, FarmError, JobImpossible, NoResult, by_name, leaves, names

LEAVES = leaves(FarmError)


def facts_of(kind: type[FarmError]) -> dict[str, Any]:
    """Return a unique word for each fact in the message of an error."""
    fields = [field for _, field, _, _ in string.Formatter().parse(kind.__doc__ or "") if field]
    return {field: f"the-{field}" for field in fields}


def test_error_names_do_not_change() -> None:
    assert set(names(JobImpossible)) == {
        *("InvalidRequest", "SceneNotFound", "SceneUnreadable", "SceneTooNew"),
        *("MissingAssets", "NoCamera", "FramesMissing", "EncodeFailed", "InternalError"),
    }
    assert set(names(AttemptFailed)) == {
        *("RenderCrashed", "RenderHung", "OutOfMemory", "FrameInvalid"),
        *("WorkerFailed", "BlenderMismatch", "DeviceMissing"),
    }
    assert set(names(FarmError)) == {
        *names(JobImpossible),
        *names(AttemptFailed),
        *("JobFailed", "JobCanceled", "JobUnfinished"),
        *("ChunkLost", "TaskLost", "FarmUnavailable"),
    }


def test_the_tree_in_the_docstring_matches_the_classes() -> None:
    drawn = errors.__doc__ or ""
    assert all(kind.__name__ in drawn for kind in [*LEAVES, JobImpossible, AttemptFailed, NoResult])


def test_a_class_without_subclasses_is_its_own_leaf() -> None:
    assert leaves(errors.ChunkLost) == [errors.ChunkLost]
    assert names(errors.ChunkLost) == ["ChunkLost"]


@pytest.mark.parametrize("kind", LEAVES)
def test_by_name_returns_the_class(kind: type[FarmError]) -> None:
    assert by_name(kind.__name__) is kind


@pytest.mark.parametrize("name", ["States.Timeout", "JobImpossible", "FarmError", "ValueError", ""])
def test_by_name_returns_none_for_other_names(name: str) -> None:
    assert by_name(name) is None


@pytest.mark.parametrize("kind", LEAVES)
def test_a_message_holds_all_facts_in_one_line(kind: type[FarmError]) -> None:
    facts = facts_of(kind)
    message = str(kind(**facts))
    assert all(value in message for value in facts.values())
    assert facts, "an error carries facts"
    assert "{" not in message
    assert "\n" not in message
    assert "  " not in message


@pytest.mark.parametrize("kind", LEAVES)
def test_an_error_survives_pickling(kind: type[FarmError]) -> None:
    error = kind(**facts_of(kind))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(copy) is kind
    assert copy.facts == error.facts
    assert str(copy) == str(error)


def test_braces_in_a_fact_are_kept() -> None:
    error = errors.InvalidRequest(field="frames", problem="'{0}{field}' is no range")
    assert str(error) == "frames: '{0}{field}' is no range."
