"""Fuzzes a target in a separate process, which may crash, hang or run out of memory, and returns the outcome."""

import base64
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import recipes
from tests.fuzz.seeds import SEEDS, words

ROOT = Path(__file__).resolve().parents[2]
# Seconds and megabytes after which libFuzzer stops an input, if the limits of the promises did not.
HANG, MEMORY = 120, 2048
# The most bytes of an input. Recipes and texts are short, but a whole compressed scene is not.
LONGEST = {"scene": 105, "bytes": 2**20, "planted": 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a run: the number of inputs, the coverage, and the error."""

    target: str
    runs: int
    per_second: int
    features: int
    # The input that broke a promise, or None; and the output of the process.
    found: bytes | None
    said: str


def available() -> bool:
    """Return whether the fuzzer is available for this machine and this Python."""
    return importlib.util.find_spec("atheris") is not None


def fuzz(
    target: str, *, seed: int, runs: int | None = None, seconds: int | None = None, corpus: Path | None = None
) -> Outcome:
    """Fuzz one target for a number of runs or seconds, whichever ends first; store new inputs in `corpus`."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        kept = corpus / target if corpus else place / "corpus"
        seeds, broken, scenes = place / "seeds", place / "broken", place / "scenes"
        for made in (kept, seeds, broken, scenes):
            made.mkdir(parents=True, exist_ok=True)
        if target == "scene":
            recipes.save(scenes)
        inputs = list(SEEDS[target]())
        for number, data in enumerate(inputs):
            (seeds / f"{number:03}").write_bytes(data)
        # The comment keeps the dictionary of scenes from being empty, which libFuzzer refuses.
        (place / "words").write_bytes(b"# words\n" + b"".join(b'"%s"\n' % word for word in sorted(words(inputs))))
        flags = [
            f"-seed={seed}", f"-runs={-1 if runs is None else runs}", f"-max_total_time={seconds or 0}",
            "-len_control=0", f"-timeout={HANG}", f"-report_slow_units={HANG}",
            f"-rss_limit_mb={MEMORY}", f"-max_len={LONGEST.get(target, 4096)}",
            f"-dict={place / 'words'}", f"-artifact_prefix={broken}/", "-print_final_stats=1",
        ]  # fmt: skip
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.child", target, *flags, str(kept), str(seeds)],
            cwd=ROOT, check=False, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            # The scenes are in the temporary folder, which is removed even if the process crashes.
            env=os.environ | {recipes.SCENES: str(scenes), "PYTHONHASHSEED": "0", "TMPDIR": folder},
        )  # fmt: skip
        found = next((path.read_bytes() for path in sorted(broken.iterdir())), None)
    if (found is None) != (ended.returncode == 0):
        raise RuntimeError(f"The fuzzer itself ended with {ended.returncode}:\n{ended.stdout[-4000:]}")
    tried = _number(r"stat::number_of_executed_units:\s+(\d+)", ended.stdout)
    return Outcome(
        target=target,
        runs=tried,
        per_second=tried // max(1, _number(r"^Done \d+ runs in (\d+) second", ended.stdout)),
        features=_number(r" ft: (\d+)", ended.stdout),
        found=found,
        said=ended.stdout,
    )


def _number(pattern: str, text: str) -> int:
    """Return the last number that the fuzzer printed for a name, 0 without one."""
    return int((re.findall(pattern, text, re.MULTILINE) or ["0"])[-1])


def pasteable(outcome: Outcome) -> str:
    """Return the line of a regression test that repeats the found error."""
    assert outcome.found is not None
    data = repr(outcome.found)
    if len(data) > 2000:
        data = f'zlib.decompress(base64.b85decode("{base64.b85encode(zlib.compress(outcome.found)).decode()}"))'
    return f'TARGETS["{outcome.target}"]({data})'
