"""`python -m tests.fuzz [TARGET...]`: coverage-guided fuzzing of the code that reads input."""

import argparse
import random
import sys
from pathlib import Path

from tests.fuzz.run import available, fuzz, pasteable
from tests.fuzz.targets import DRILLS, TARGETS


def main() -> int:
    """Return 0 if all promises hold, 1 if one is broken, 2 without a fuzzer."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=None, help="for how long each target is fuzzed")
    parser.add_argument("--runs", type=int, default=None, help="how many inputs each target takes (1000 without both)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the mutations (default: random)")
    parser.add_argument("--corpus", type=Path, default=None, help="a folder that keeps the inputs for the next run")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS | DRILLS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if not available():
        print("The fuzzer has no wheel for this machine: it takes Linux on x86-64 and Python 3.11.")
        return 2
    seed = random.SystemRandom().randrange(1, 10_000) if arguments.seed is None else arguments.seed
    runs = 1000 if arguments.runs is None and arguments.seconds is None else arguments.runs
    broken = False
    for target in arguments.targets or TARGETS:
        outcome = fuzz(target, seed=seed, runs=runs, seconds=arguments.seconds, corpus=arguments.corpus)
        told = f"{outcome.runs} inputs, {outcome.per_second} a second, {outcome.features} features of the code"
        print(f"{target}: {told}, seed {seed}", flush=True)
        if outcome.found is not None:
            broken = True
            print(f"{outcome.said[-4000:]}\nA promise is broken. For a regression test:\n\n    {pasteable(outcome)}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
