"""The tree of errors: its names are interface, and its docstrings are messages."""

import pickle
import string
from typing import Any

import pytest

from frameloom.model import errors
from frameloom.model.errors import AttemptFailed, FarmError, JobImpossible, NoResult, by_name, leaves, names

LEAVES = leaves(FarmError)


def facts_of(kind: type[FarmError]) -> dict[str, Any]:
    """Return a fact for each that a message names, each a word that is found again."""
    fields = [field for _, field, _, _ in string.Formatter().parse(kind.__doc__ or "") if field]
    return {field: f"the-{field}" for field in fields}


def test_the_names_that_the_state_machine_lists_are_these() -> None:
    assert set(names(JobImpossible)) == {
        *("InvalidRequest", "SceneNotFound", "SceneUnreadable", "SceneTooNew"),
        *("MissingAssets", "NoCamera", "FramesMissing", "EncodeFailed"),
    }
    assert set(names(AttemptFailed)) == {
        *("RenderCrashed", "RenderHung", "OutOfMemory", "FrameInvalid"),
        *("WorkerFailed", "BlenderMismatch", "DeviceMissing"),
    }
    assert set(names(FarmError)) == {
        *names(JobImpossible),
        *names(AttemptFailed),
        *("JobFailed", "JobCanceled", "JobUnfinished"),
        *("ChunkLost", "FarmUnavailable"),
    }


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""
    assert all(kind.__name__ in drawn for kind in [*LEAVES, JobImpossible, AttemptFailed, NoResult])


def test_a_class_without_classes_below_is_its_own_leaf() -> None:
    assert leaves(errors.ChunkLost) == [errors.ChunkLost]
    assert names(errors.ChunkLost) == ["ChunkLost"]


@pytest.mark.parametrize("kind", LEAVES)
def test_a_name_gives_its_class_back(kind: type[FarmError]) -> None:
    assert by_name(kind.__name__) is kind


@pytest.mark.parametrize("name", ["States.Timeout", "JobImpossible", "FarmError", "ValueError", ""])
def test_other_names_have_no_class(name: str) -> None:
    assert by_name(name) is None


@pytest.mark.parametrize("kind", LEAVES)
def test_a_message_holds_every_fact_in_one_line(kind: type[FarmError]) -> None:
    facts = facts_of(kind)
    message = str(kind(**facts))
    assert all(value in message for value in facts.values())
    assert facts, "an error carries facts"
    assert "{" not in message
    assert "\n" not in message
    assert "  " not in message


@pytest.mark.parametrize("kind", LEAVES)
def test_an_error_comes_through_a_pickle_whole(kind: type[FarmError]) -> None:
    error = kind(**facts_of(kind))
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    assert type(copy) is kind
    assert copy.facts == error.facts
    assert str(copy) == str(error)


def test_a_fact_is_taken_as_it_is_braces_too() -> None:
    error = errors.InvalidRequest(field="frames", problem="'{0}{field}' is no range")
    assert str(error) == "frames: '{0}{field}' is no range."
