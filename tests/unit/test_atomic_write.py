"""Files that appear complete or not at all."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from frameloom.services.storage.atomic_write import partial_file, place_new, whole_file


def files(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_appears_complete(tmp_path: Path) -> None:
    with whole_file(tmp_path / "film.mp4") as partial:
        partial.write_bytes(b"half")
        assert not (tmp_path / "film.mp4").exists()
        partial.write_bytes(b"half and half")
    assert files(tmp_path) == {"film.mp4": b"half and half"}


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_an_error_keeps_the_existing_file(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "film.mp4").write_bytes(b"old")

    def write_half() -> None:
        with whole_file(tmp_path / "film.mp4") as partial:
            partial.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert files(tmp_path) == {"film.mp4": b"old"}


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with whole_file(tmp_path / "film.mp4") as first, whole_file(tmp_path / "film.mp4") as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert files(tmp_path) == {"film.mp4": b"first"}


def test_a_name_of_any_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / f"{'日' * 80}.report.json"
    with partial_file(path) as partial:
        partial.write_text("whole")
        partial.replace(path)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def _without_links(source: object, target: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted", str(source), str(target))


@pytest.mark.parametrize("link", [os.link, _without_links], ids=["links", "no links"])
def test_a_new_file_never_replaces_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Callable[..., None]
) -> None:
    monkeypatch.setattr(os, "link", link)
    source, target = tmp_path / "source", tmp_path / "film.mp4"
    source.write_bytes(b"new")
    assert place_new(source, target)
    assert target.read_bytes() == b"new"
    source.write_bytes(b"newer")
    target.write_bytes(b"foreign")
    assert not place_new(source, target)
    assert target.read_bytes() == b"foreign"


def test_a_name_is_free_again_if_its_file_cannot_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", _without_links)
    with pytest.raises(FileNotFoundError):
        place_new(tmp_path / "missing", tmp_path / "film.mp4")
    assert files(tmp_path) == {}
