"""`python -m tests.compatibility [TEXT] [--blender 4.5] [--write]`: run rows, and write docs/compatibility.md."""

import argparse
import resource
import sys

from tests.compatibility.document import DOCUMENT, cells_of, document, written_cells
from tests.compatibility.rows import VERSIONS, all_rows
from tests.compatibility.run import run


def main() -> int:
    """Run the rows whose ids contain a text, and print their results; return 1 if one is not as expected."""
    parser = argparse.ArgumentParser(prog="python -m tests.compatibility", description=__doc__)
    parser.add_argument("text", nargs="?", default="", help="a part of the rows' ids")
    parser.add_argument("--blender", action="append", choices=VERSIONS, help="the versions of Blender; all by default")
    parser.add_argument("--write", action="store_true", help=f"write their results into {DOCUMENT.name}")
    options = parser.parse_args()
    versions = options.blender or VERSIONS
    rows = [row for row in all_rows().values() if options.text in row.id]
    results = run((row.id, version) for row in rows for version in row.versions if version in versions)
    wrong = 0
    for (row, version), result in results.items():
        meets = result.meets(all_rows()[row].expects(version))
        wrong += not meets
        times = " + ".join(f"{seconds:.2f}" for seconds in result.seconds)
        print(f"{'ok   ' if meets else 'WRONG'} {row} [{version}] {times} s: {result.cell}")
    used = sum(
        resource.getrusage(who)[kind] for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN) for kind in (0, 1)
    )
    print(f"{len(results)} results, {wrong} not as expected, {used:.0f} s of processor time")
    if options.write:
        before = written_cells(DOCUMENT.read_text(encoding="utf-8"))
        DOCUMENT.write_text(document(before | cells_of(results)), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
