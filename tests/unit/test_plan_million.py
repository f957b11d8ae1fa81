"""A million frames are planned in one call of PlanChunks, within a Lambda's gigabyte and a minute."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "chunks"),
    [
        pytest.param([], range(50_000, 200_000), id="nothing there"),
        pytest.param(
            ["--present", "tenth", "--latency", "0"], range(50_000, 200_000), id="every tenth one there, at random"
        ),
        pytest.param(["--chunk-size", "1"], range(1_000_000, 1_000_001), id="a chunk each"),
    ],
)
def test_a_million_frames_are_planned_in_a_lambdas_memory_and_in_a_minute(arguments: list[str], chunks: range) -> None:
    command = [sys.executable, "-m", "benchmarks.plan_million", *arguments]
    figures = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    assert figures["chunks"] in chunks
    # Of CPU, not of wall time: a busy machine takes no more of it. Measured: 2 to 9 s, and 120 MiB.
    assert figures["cpu_seconds"] < 60
    assert figures["mib"] < 512
    # 48 bytes a chunk, and the numbers of frames that have gaps between them.
    assert figures["list_bytes"] < 48 * figures["chunks"] + 7 * 1_000_000
