"""`python -m tests.chaos`: disturb a local farm for some minutes, then check that nothing is lost."""

import argparse
import random
import sys
from collections import Counter

from tests.chaos.run import Chaos, Result


def main() -> int:
    """Run; return 1 if an invariant is broken, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Run jobs on a local farm while workers die, calls fail, messages double and leases run short.",
    )
    parser.add_argument("--seed", type=int, default=None, help="number of the run (default: random)")
    parser.add_argument("--minutes", type=float, default=3, help="duration of the disturbances (default 3)")
    parser.add_argument("--quiet", action="store_true", help="print only the result")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10_000) if arguments.seed is None else arguments.seed
    print(f"Seed {seed}. To run it again: make chaos SEED={seed} MINUTES={arguments.minutes:g}", flush=True)

    def show(sentence: str) -> None:
        if not arguments.quiet:
            print(f"  {sentence}", flush=True)

    result = Chaos(seed, show=show).run(arguments.minutes * 60)
    print(describe(result))
    return 1 if result.broken else 0


def describe(result: Result) -> str:
    """Return a report of a run: its jobs, its disturbances with their results, and the broken invariants."""
    statuses = Counter(str(job.status) for job in result.jobs)
    lines = [f"{len(result.jobs)} jobs: {_counted(statuses)}."]
    lines.append(f"{result.frames} frames took {result.renders} renders.")
    lines += [f"  {job.job_id} {job.status}: {job.cause}" for job in result.jobs if job.error]
    kinds = result.ledger.kinds()
    width = max(map(len, kinds), default=0)
    lines.append(f"{kinds.total()} disturbances:")
    for kind, number in kinds.most_common():
        results = result.ledger.results(kind)
        results.pop("", None)
        lines.append(f"  {kind:<{width}} {number:>4}  {_counted(results)}".rstrip())
    if result.broken:
        lines += ["BROKEN invariants:", *(f"  {sentence}" for sentence in result.broken)]
    else:
        lines.append("All invariants hold: no frame, message, log line, file or process is lost or left over.")
    return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
