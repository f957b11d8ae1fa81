"""One build and one account with one farm, for all tests of deployment."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.account import Account, new_account
from tests.deploy.build import Build, build, python_of_lambda


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder for gigabytes; pytest's own would be kept for three runs."""
    with tempfile.TemporaryDirectory(prefix="deploy-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def built(folder: Path) -> Build:
    """The build of this checkout."""
    return build(folder, python=python_of_lambda())


@pytest.fixture(scope="session")
def account(folder: Path) -> Iterator[Account]:
    """An empty account."""
    with new_account(folder, python=python_of_lambda()) as account:
        yield account
