"""`python -m tests.chaos`: disturb a local farm for some minutes and say what became of it."""

import argparse
import random
import sys
from collections import Counter

from tests.chaos.run import Chaos, Result


def main() -> int:
    """Return 0 where all that must be true is, 1 where something is not."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description="Run jobs on a local farm while workers die, calls fail, messages double and leases run short.",
    )
    parser.add_argument("--seed", type=int, default=None, help="which run; one is drawn where none is given")
    parser.add_argument("--minutes", type=float, default=3, help="for how long the farm is disturbed (3)")
    parser.add_argument("--quiet", action="store_true", help="say nothing until the end")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10_000) if arguments.seed is None else arguments.seed
    print(f"Seed {seed}. To run it again: make chaos SEED={seed} MINUTES={arguments.minutes:g}", flush=True)

    def say(sentence: str) -> None:
        if not arguments.quiet:
            print(f"  {sentence}", flush=True)

    result = Chaos(seed, say=say).run(arguments.minutes * 60)
    print(describe(result))
    return 1 if result.broken else 0


def describe(result: Result) -> str:
    """Return a run in words: what was done, what became of it, and what is not as it must be."""
    statuses = Counter(str(job.status) for job in result.jobs)
    lines = [f"{len(result.jobs)} jobs: {_counted(statuses)}."]
    lines.append(f"{result.frames} frames took {result.renders} renders.")
    lines += [f"  {job.job_id} {job.status}: {job.cause}" for job in result.jobs if job.error]
    kinds = result.ledger.kinds()
    width = max(map(len, kinds), default=0)
    lines.append(f"{kinds.total()} disturbances:")
    for kind, number in kinds.most_common():
        fates = result.ledger.fates(kind)
        fates.pop("", None)
        lines.append(f"  {kind:<{width}} {number:>4}  {_counted(fates)}".rstrip())
    if result.broken:
        lines += ["NOT as it must be:", *(f"  {sentence}" for sentence in result.broken)]
    else:
        lines.append("All is as it must be: no frame, message, line, file or process is lost or left.")
    return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
