"""`python -m statemachine` writes the files that are generated from the definition; `--check` lists stale files."""

import argparse
import sys
from pathlib import Path

from statemachine import mermaid
from statemachine.emit import document, machine

ROOT = Path(__file__).resolve().parents[1]
DEFINITION = Path("statemachine/render_job.asl.json")
PAGES = [Path("docs/architecture.md")]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write the definition and its charts under `root`; return 1 if `--check` finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m statemachine", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write no file; fail if a file is stale")
    check = parser.parse_args(arguments).check

    stale = {path: text for path, text in made(root).items() if _read(root / path) != text}
    for path, text in stale.items():
        if check:
            print(
                f"{path} differs from statemachine/definition.py: run `python -m statemachine`",
                file=sys.stderr,
            )
        else:
            (root / path).write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return 1 if check and stale else 0


def made(root: Path) -> dict[Path, str]:
    """Return the text of every generated file, keyed by its path under `root`."""
    files = {DEFINITION: document()}
    for page in PAGES:
        text = _read(root / page)
        if text is not None and mermaid.BEGIN in text:
            files[page] = mermaid.embed(text, machine())
    return files


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
