"""Bounded runs of coverage-guided fuzzing; `make fuzz SECONDS=n` runs longer."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.fuzz.planted import PlantedError, check
from tests.fuzz.run import ROOT, Outcome, available, fuzz, pasteable
from tests.fuzz.targets import TARGETS

needs_fuzzer = pytest.mark.skipif(not available(), reason="atheris has wheels for Linux on x86-64 alone")

# The numbers of inputs: a scene takes milliseconds to read, a text microseconds.
RUNS = {"scene": 40, "bytes": 100, "frames": 1000}


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Future[Outcome]]]:
    """The run of each target, two at a time, since each takes seconds of one core."""
    with ThreadPoolExecutor(2) as pool:
        yield {target: pool.submit(fuzz, target, seed=4, runs=RUNS.get(target, 3000)) for target in TARGETS}
        pool.shutdown(cancel_futures=True)


@needs_fuzzer
@pytest.mark.parametrize("target", TARGETS)
def test_a_bounded_fuzzing_run_finds_no_error(target: str, outcomes: dict[str, Future[Outcome]]) -> None:
    outcome = outcomes[target].result()
    assert outcome.found is None, f"{outcome.said[-4000:]}\n{pasteable(outcome)}"
    assert outcome.runs >= RUNS.get(target, 3000)
    # Without instrumentation, the fuzzer sees only the coverage of the harness.
    assert outcome.features > 60


@needs_fuzzer
def test_fuzzing_finds_a_rare_fault_and_prints_it_as_a_line_of_a_test() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "planted", "--runs", "5000000", "--seed", "4"]
    ended = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "PlantedError" in ended.stdout
    line = ended.stdout.rstrip().rsplit("\n", 1)[-1].strip()
    with pytest.raises(PlantedError):
        eval(line, {"TARGETS": {"planted": check}})  # noqa: S307  our own output, as one would paste it
