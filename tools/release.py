"""Build a release of this checkout and tag it.

    python tools/release.py 0.1.0

It refuses a checkout that is not ready, and lists each reason. Then it runs `make check`, builds the wheel and the
source archive in `dist/`, and makes the annotated tag `v0.1.0` with this version's section of `CHANGELOG.md`. It never
pushes.
"""

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "main"
VERSION = re.compile(r"\d+\.\d+\.\d+")


class ReleaseRefused(Exception):
    """The checkout is not ready for a release."""


def release(root: Path, version: str, *, check: Callable[[Path], None], build: Callable[[Path], None]) -> str:
    """Check, build and tag a checkout, and return the name of the tag.

    Args:
        root: the checkout.
        version: the version that the checkout must already have, such as `0.1.0`.
        check: runs the project's own checks, and raises CalledProcessError when one fails.
        build: writes the wheel and the source archive to `dist/`, and raises CalledProcessError when it fails.

    Raises:
        ReleaseRefused: with all reasons, one a line.
    """
    _refuse_if([*problems(root, version)])
    check(root)
    build(root)
    # The checks may have written files, for example generated documents that were not up to date.
    _refuse_if([*_changes(root), *_missing_archives(root, version)])
    tag = f"v{version}"
    notes = changelog_section(root, version)
    # With its own clean-up mode: git would take the section's Markdown headings for comments.
    _git(root, "tag", "--annotate", "--cleanup=whitespace", "--message", f"Frameloom {version}\n\n{notes}", tag)
    return tag


def problems(root: Path, version: str) -> Iterator[str]:
    """Yield each reason why a checkout cannot be released as this version."""
    if VERSION.fullmatch(version) is None:
        yield f"{version!r} is not a version: write three numbers, such as 0.1.0."
        return
    branch = _git(root, "rev-parse", "--abbrev-ref", "HEAD")
    if branch != BRANCH:
        yield f"The checkout is on branch {branch!r}: releases are made on {BRANCH!r}."
    yield from _changes(root)
    for file, found in _versions(root).items():
        if found != version:
            yield f"{file} has version {found}, not {version}: change it and commit."
    if not changelog_section(root, version):
        yield f"CHANGELOG.md has no entries for {version}: add a section '## [{version}] - YYYY-MM-DD'."
    if changelog_section(root, "Unreleased"):
        yield f"CHANGELOG.md has entries under Unreleased: move them to the section of {version}."
    if _git(root, "tag", "--list", f"v{version}"):
        yield f"The tag v{version} exists: a release is never replaced, so choose the next version."


def changelog_section(root: Path, version: str) -> str:
    """Return the text below a version's heading in the changelog, without the heading; empty without such a heading."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = r"\[Unreleased\]" if version == "Unreleased" else rf"\[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d"
    found = re.search(rf"^## {heading}[ \t]*\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return "" if found is None else found[1].strip()


def _versions(root: Path) -> dict[str, str]:
    """Return the version that each file gives."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = (root / "src/frameloom/__init__.py").read_text(encoding="utf-8")
    assigned = re.search(r'^__version__ = "([^"]*)"', package, flags=re.MULTILINE)
    return {
        "pyproject.toml": project["version"],
        "src/frameloom/__init__.py": "none" if assigned is None else assigned[1],
    }


def _changes(root: Path) -> Iterator[str]:
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed:
        yield f"The checkout has changes that are not committed: {', '.join(line[3:] for line in changed)}."


def _missing_archives(root: Path, version: str) -> Iterator[str]:
    for pattern in (f"frameloom-{version}-*.whl", f"frameloom-{version}.tar.gz"):
        if not [*root.glob(f"dist/{pattern}")]:
            yield f"The build wrote no dist/{pattern}."


def _refuse_if(reasons: list[str]) -> None:
    if reasons:
        raise ReleaseRefused("\n".join(reasons))


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    # No strip on the left: the first column of `git status` may be a space.
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.rstrip()


def run_checks(root: Path) -> None:
    """Run lint, types and tests."""
    command = ["make", "check"]
    subprocess.run(command, cwd=root, check=True)


def build_archives(root: Path) -> None:
    """Write the wheel and the source archive to `dist/`."""
    command = ["make", "dist"]
    subprocess.run(command, cwd=root, check=True)


def main(arguments: list[str] | None = None, *, root: Path = ROOT) -> int:
    """Release the checkout; return 0, 1 when it is not ready or a check fails, or 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="make release VERSION=0.1.0", description="Build and tag a release.")
    parser.add_argument("version", help="the version to release, such as 0.1.0")
    skip = "do not run `make check`, for a commit whose checks have already passed"
    parser.add_argument("--skip-check", action="store_true", help=skip)
    parser.add_argument("--notes", action="store_true", help="only print this version's section of CHANGELOG.md")
    options = parser.parse_args(arguments)
    if options.notes:
        print(changelog_section(root, options.version))
        return 0
    check = (lambda _: None) if options.skip_check else run_checks
    try:
        tag = release(root, options.version, check=check, build=build_archives)
    except ReleaseRefused as refusal:
        print(f"Not released:\n{refusal}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"Not released: `{' '.join(map(str, failure.cmd))}` failed.", file=sys.stderr)
        return 1
    print(f"Tagged {tag}; the archives are in dist/. To publish the release: git push --atomic origin {BRANCH} {tag}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
