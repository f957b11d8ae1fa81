"""docs/protocol.md promises a test for every failure: each must be there, and each error must have its row."""

import re
from pathlib import Path

import pytest

from frameloom.model import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/protocol.md").read_text()
TESTS = sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE)))


@pytest.mark.parametrize("named", TESTS)
def test_every_test_that_the_protocol_names_is_there(named: str) -> None:
    file, _, function = named.partition("::")
    text = (ROOT / file).read_text()
    assert f"def {function}(" in text if function else text


def test_the_protocol_names_tests() -> None:
    assert len(TESTS) > 20


# Only the client raises these; they end no job.
CLIENT_ERRORS = {errors.FarmUnavailable.__name__, *errors.names(errors.NoResult)}


@pytest.mark.parametrize("name", sorted(set(errors.names(errors.FarmError)) - CLIENT_ERRORS))
def test_every_error_has_its_row(name: str) -> None:
    assert f"`{name}`" in PAGE
