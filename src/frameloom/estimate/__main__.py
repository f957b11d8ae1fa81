"""`python -m frameloom.estimate`: print the tables of jobs, or update those of the documents."""

import argparse
import sys
from pathlib import Path

from frameloom.estimate.job_estimate import estimate
from frameloom.estimate.tables import (
    DOCUMENTS,
    FRAMES,
    WORKERS,
    cases,
    dollars_table,
    minutes_table,
    quotas_table,
    updated,
)


def main() -> int:
    """Print tables, or update or check those of the documents; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m frameloom.estimate", description=__doc__)
    parser.add_argument("--frames", type=int, nargs="+", default=FRAMES, metavar="N", help="frames of each job")
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS, metavar="N", help="workers of each fleet")
    parser.add_argument("--seconds", type=float, default=60.0, help="render time of a frame (default 60)")
    action = parser.add_mutually_exclusive_group()
    documents = " and ".join(map(str, DOCUMENTS))
    action.add_argument("--write", action="store_true", help=f"update the tables of {documents}")
    action.add_argument("--check", action="store_true", help=f"fail where the tables of {documents} are out of date")
    arguments = parser.parse_args()
    if arguments.write or arguments.check:
        return max(_update(document, check=arguments.check) for document in DOCUMENTS)
    by_size = [
        [estimate(case) for case in cases([frames], arguments.workers, arguments.seconds)]
        for frames in arguments.frames
    ]
    jobs = [job for row in by_size for job in row]
    print("\n".join([minutes_table(jobs), *map(dollars_table, by_size), quotas_table(jobs)]))
    return 0


def _update(document: Path, *, check: bool) -> int:
    """Update a document's tables; with `check`, only return 1 if they are out of date."""
    text = document.read_text(encoding="utf-8")
    now = updated(text, document)
    if not check:
        document.write_text(now, encoding="utf-8")
    elif now != text:
        print(f"{document} is out of date: run `python -m frameloom.estimate --write`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
