"""The release script, on a small repository of its own."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import frameloom
from tools import release

VERSION = "0.1.0"
PROJECT = """\
[project]
name = "frameloom"
version = "0.1.0"
requires-python = ">=3.11"

[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/frameloom"]
"""
CHANGES = """\
# Changelog

## [Unreleased]

## [0.1.0] - 2026-11-30

### Added

- A farm.

## [0.0.9] - 2026-01-01

- An idea.
"""


def git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that is ready for version 0.1.0."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A developer")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "developer@example.com")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "checkout"
    write(root, "pyproject.toml", PROJECT)
    write(root, "CHANGELOG.md", CHANGES)
    write(root, "src/frameloom/__init__.py", '__version__ = "0.1.0"\n')
    write(root, ".gitignore", "/dist/\n")
    git(root, "init", "--quiet", "--initial-branch", "main")
    commit(root)
    return root


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Change something")


def built(root: Path) -> None:
    write(root, "dist/frameloom-0.1.0-py3-none-any.whl", "")
    write(root, "dist/frameloom-0.1.0.tar.gz", "")


def nothing(_: Path) -> None:
    """Checks that pass, or a build that writes no file."""


def test_the_tag_is_annotated_with_the_section_of_its_version(checkout: Path) -> None:
    assert release.release(checkout, VERSION, check=nothing, build=built) == "v0.1.0"
    assert git(checkout, "cat-file", "-t", "v0.1.0") == "tag"
    message = git(checkout, "tag", "--list", "--format=%(contents)", "v0.1.0")
    assert message == "Frameloom 0.1.0\n\n### Added\n\n- A farm."
    assert git(checkout, "rev-parse", "v0.1.0^{commit}") == git(checkout, "rev-parse", "HEAD")


def on_another_branch(root: Path) -> None:
    git(root, "switch", "--quiet", "--create", "feature")


def with_an_untracked_file(root: Path) -> None:
    write(root, "notes.txt", "")


def with_an_edited_file(root: Path) -> None:
    write(root, "pyproject.toml", PROJECT + "\n")


def with_a_newer_project(root: Path) -> None:
    write(root, "pyproject.toml", PROJECT.replace("0.1.0", "0.2.0"))
    commit(root)


def with_an_older_package(root: Path) -> None:
    write(root, "src/frameloom/__init__.py", '__version__ = "0.0.9"\n')
    commit(root)


def without_a_section(root: Path) -> None:
    write(root, "CHANGELOG.md", CHANGES.replace("## [0.1.0]", "## [0.0.10]"))
    commit(root)


def with_an_empty_section(root: Path) -> None:
    write(root, "CHANGELOG.md", CHANGES.replace("### Added\n\n- A farm.\n", ""))
    commit(root)


def with_unreleased_entries(root: Path) -> None:
    write(root, "CHANGELOG.md", CHANGES.replace("[Unreleased]\n", "[Unreleased]\n\n- A new farm.\n"))
    commit(root)


def with_the_tag(root: Path) -> None:
    git(root, "tag", "v0.1.0")


def unexpected(checkout: Path) -> None:
    pytest.fail(f"A check or a build ran in {checkout}.")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (on_another_branch, "The checkout is on branch 'feature': releases are made on 'main'."),
        (with_an_untracked_file, "The checkout has changes that are not committed: notes.txt."),
        (with_an_edited_file, "The checkout has changes that are not committed: pyproject.toml."),
        (with_a_newer_project, "pyproject.toml has version 0.2.0, not 0.1.0: change it and commit."),
        (with_an_older_package, "src/frameloom/__init__.py has version 0.0.9, not 0.1.0: change it and commit."),
        (
            without_a_section,
            "CHANGELOG.md has no entries for 0.1.0: add a section '## [0.1.0] - YYYY-MM-DD'.",
        ),
        (
            with_an_empty_section,
            "CHANGELOG.md has no entries for 0.1.0: add a section '## [0.1.0] - YYYY-MM-DD'.",
        ),
        (with_unreleased_entries, "CHANGELOG.md has entries under Unreleased: move them to the section of 0.1.0."),
        (with_the_tag, "The tag v0.1.0 exists: a release is never replaced, so choose the next version."),
    ],
)
def test_a_checkout_that_is_not_ready_is_refused_before_any_check(
    checkout: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(checkout)
    before = git(checkout, "tag")
    with pytest.raises(release.ReleaseRefused) as refused:
        release.release(checkout, VERSION, check=unexpected, build=unexpected)
    assert str(refused.value) == reason
    assert git(checkout, "tag") == before


def test_every_reason_is_listed_at_once(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    on_another_branch(checkout)
    with_an_untracked_file(checkout)
    with_the_tag(checkout)
    assert release.main([VERSION], root=checkout) == 1
    assert capsys.readouterr().err.count("\n") == 4


@pytest.mark.parametrize("version", ["v0.1.0", "0.1", "0.1.0rc1", "", "0.1.0 "])
def test_a_version_is_three_numbers(checkout: Path, version: str) -> None:
    assert [*release.problems(checkout, version)] == [
        f"{version!r} is not a version: write three numbers, such as 0.1.0."
    ]


def test_checks_that_write_a_tracked_file_leave_no_tag(checkout: Path) -> None:
    with pytest.raises(release.ReleaseRefused, match=r"not committed: pyproject\.toml"):
        release.release(checkout, VERSION, check=with_an_edited_file, build=built)
    assert git(checkout, "tag") == ""


def test_a_build_without_archives_leaves_no_tag(checkout: Path) -> None:
    with pytest.raises(release.ReleaseRefused, match=r"wrote no dist/frameloom-0\.1\.0\.tar\.gz"):
        release.release(checkout, VERSION, check=nothing, build=nothing)
    assert git(checkout, "tag") == ""


def test_a_failed_check_leaves_no_tag(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: Path) -> None:
        raise subprocess.CalledProcessError(2, ["make", "check"])

    monkeypatch.setattr(release, "run_checks", fail)
    assert release.main([VERSION], root=checkout) == 1
    assert capsys.readouterr().err == "Not released: `make check` failed.\n"
    assert git(checkout, "tag") == ""


def test_a_release_builds_both_archives_and_prints_the_push(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["sh", str(release.ROOT / "tools/bootstrap.sh")]
    uv = Path(subprocess.check_output(command, text=True).strip())
    monkeypatch.setenv("PATH", f"{uv.parent}:{os.environ['PATH']}")
    shutil.copytree(release.ROOT / "tools", checkout / "tools", ignore=shutil.ignore_patterns("[!b]*"))
    shutil.copy(release.ROOT / "Makefile", checkout)
    commit(checkout)
    assert release.main([VERSION, "--skip-check"], root=checkout) == 0
    archives = {path.name for path in (checkout / "dist").glob("frameloom*")}
    assert archives == {"frameloom-0.1.0-py3-none-any.whl", "frameloom-0.1.0.tar.gz"}
    assert capsys.readouterr().out.endswith("git push --atomic origin main v0.1.0\n")
    assert git(checkout, "tag") == "v0.1.0"


def test_the_notes_of_a_release_are_its_section(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert release.main([VERSION, "--notes"], root=checkout) == 0
    assert capsys.readouterr().out == "### Added\n\n- A farm.\n"


def test_the_changelog_and_the_versions_of_this_checkout_fit_a_release() -> None:
    """Of the reasons for a refusal, only those of an unfinished checkout may remain."""
    reasons = [*release.problems(release.ROOT, frameloom.__version__)]
    assert not [one for one in reasons if one.startswith(("pyproject", "src/", "CHANGELOG.md has no entries"))]
