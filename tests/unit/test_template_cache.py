"""A transformed template is cached, and only a valid file of the cache is used."""

import importlib.metadata
import json
from pathlib import Path

import pytest

from frameloom.local.template_cache import cached_template
from tests.unit.local_templates import TEMPLATE


@pytest.mark.parametrize(
    "planted",
    [
        "",
        "{",
        "[]",
        "null",
        '"Resources"',
        '{"Resources": {}}',
        '{"Resources": {"Q": 1}}',
        '{"Resources": {"Q": {"Type": 1}}}',
    ],
)
def test_a_damaged_or_foreign_file_is_ignored_and_replaced(template: Path, tmp_path: Path, planted: str) -> None:
    first = cached_template(template, {}, folder=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    good = file.read_text()
    file.write_text(planted)
    assert cached_template(template, {}, folder=tmp_path / "cache") == first
    assert file.read_text() == good


def test_a_template_is_transformed_once_until_it_changes(template: Path, tmp_path: Path) -> None:
    cached_template(template, {}, folder=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    other = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}
    file.write_text(json.dumps(other))
    assert cached_template(template, {}, folder=tmp_path / "cache") == other
    template.write_text(TEMPLATE.replace("VisibilityTimeout: 120", "VisibilityTimeout: 60"))
    changed = cached_template(template, {}, folder=tmp_path / "cache")
    assert changed["Resources"]["Queue"]["Properties"] == {"VisibilityTimeout": 60}


def test_a_folder_that_cannot_be_written_has_no_effect(template: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert cached_template(template, {}, folder=tmp_path / "file" / "cache")["Resources"]


def test_a_new_version_of_the_translator_transforms_again(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_template(template, {}, folder=tmp_path / "cache")
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "next")
    cached_template(template, {}, folder=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
