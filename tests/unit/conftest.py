"""Fixtures that several unit tests use."""

from pathlib import Path

import pytest

from tests.unit.local_templates import TEMPLATE


@pytest.fixture
def template(tmp_path: Path) -> Path:
    for folder in ("shared", "one", "layer"):
        (tmp_path / folder).mkdir()
    (tmp_path / "machine.asl.json").write_text("{}")
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path
