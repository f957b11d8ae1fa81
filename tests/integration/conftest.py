"""What the tests of whole parts share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.blender import Blender


@pytest.fixture
def blender(tmp_path: Path) -> Iterator[Blender]:
    """A Blender that is started by what asks it first, and ends with the test."""
    blender = Blender(scratch=tmp_path / "scratch")
    yield blender
    blender.close()
