"""`python -m tests.corpus FOLDER`: compare each .blend below a folder with plain Blender, and print a table."""

import argparse
import contextlib
import hashlib
import importlib.metadata
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from frameloom.local.blender_packages import add_blender
from tests.blender_folder import added_blenders
from tests.corpus.header import saved_by
from tests.corpus.result import SILENT, Result, read_result, write_result
from tests.corpus.table import summary, table

ROOT = Path(__file__).resolve().parents[2]
# Seconds for a scene: Blender opens it twice, and renders some frames of it twice.
LIMIT = 240
# The Blender of this environment.
OWN = importlib.metadata.version("bpy")


def main(words: Sequence[str] | None = None) -> int:
    """Compare all scenes; return 1 if one differs without an announcement."""
    options = _options(words)
    with added_blenders():
        options.version = add_blender(options.blender, print).version
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    folder = options.folder.resolve()
    results, scenes = [], list(_scenes(folder, options.only))
    with ThreadPoolExecutor(options.jobs) as pool:
        for number, result in enumerate(pool.map(lambda scene: _compared(scene, options), scenes), start=1):
            results.append(result)
            name = Path(result.path).relative_to(folder)
            print(f"{number}/{len(scenes)} {result.seconds:5.1f} s  {result.kind:13} {name}", file=sys.stderr)
    if options.json:
        print(json.dumps([asdict(one) | {"kind": one.kind} for one in results], indent=1))
        print(summary(results), file=sys.stderr)
    else:
        print(table(results, folder=folder))
    return 1 if any(one.kind in SILENT for one in results) else 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder with the scenes")
    parser.add_argument("--only", default="", metavar="TEXT", help="only scenes with this text in their paths")
    parser.add_argument("--blender", default=OWN, help=f"the version of Blender, installed if necessary [{OWN}]")
    parser.add_argument("--engine", choices=("CYCLES", "EEVEE", "WORKBENCH"), help="instead of each scene's own")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help=f"for a scene [{LIMIT}]")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="scenes at the same time [1]")
    parser.add_argument("--results", type=Path, default=ROOT / ".corpus", metavar="FOLDER", help="of finished scenes")
    parser.add_argument("--again", action="store_true", help="compare finished scenes again")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args(words)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    return options


def _scenes(folder: Path, only: str) -> Iterator[Path]:
    """Yield one path of each distinct .blend file."""
    known = set()
    for path in sorted(folder.rglob("*.blend")):
        if only not in str(path) or not path.is_file():
            continue
        digest = _digest(path)
        if digest not in known:
            known.add(digest)
            yield path


def _compared(scene: Path, options: argparse.Namespace) -> Result:
    """Return the result of a scene, from an earlier run if that one ended."""
    digest = _digest(scene)
    file = result_file(options.results, scene, options.version, options.engine)
    if file.exists() and not options.again:
        result = read_result(file)
        if result.digest == digest and result.ended:
            return result
    file.unlink(missing_ok=True)
    words = [str(scene), str(file), options.version, *([options.engine] if options.engine else [])]
    problem = _run_process(words, limit=options.limit)
    result = read_result(file) if file.exists() else Result(path=str(scene), blender=options.version)
    result.saved_by, result.digest = saved_by(scene), digest
    if problem is not None and result.problem is None:
        result.problem, result.ended = problem, True
    write_result(result, file)
    return result


def result_file(folder: Path, scene: Path, version: str, engine: str | None) -> Path:
    """Return the path of a scene's result."""
    name = hashlib.sha256(f"{scene} {version} {engine}".encode()).hexdigest()[:16]
    return folder.resolve() / f"{name}.json"


def _run_process(words: list[str], *, limit: float) -> str | None:
    """Compare one scene in a process of its own; return why that process failed, None if it ended or was too slow."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.corpus.one", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # A group of its own, with its Blenders.
        start_new_session=True,
    )
    try:
        _, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    lines = errors.decode(errors="replace").splitlines()
    return None if process.returncode == 0 else f"exit code {process.returncode}: {' | '.join(lines[-3:])}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
