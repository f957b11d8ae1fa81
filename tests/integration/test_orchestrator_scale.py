"""A job's requests are those of frameloom/estimate/aws_requests.py, counted on the emulator.

An instant worker replaces the fleet, so that only the orchestrator's requests are counted. Larger jobs:
`python -m benchmarks.orchestrator`.
"""

import sys
from collections.abc import Iterator

import pytest

from benchmarks.instant_farm import SCENE, Asked, InstantFarm, Run
from benchmarks.orchestrator import expected
from frameloom.estimate.aws_requests import S3Requests, aws_requests, parent_events
from frameloom.model import rounds
from frameloom.model.frames import MAX_FRAMES
from frameloom.services.verify_frames import plan_segments

# Step Functions ends an execution at 25,000 events and refuses a state of 256 KiB: far below either at any size.
EVENTS = 100
STATE = 32 * 1024
# More than VerifyFrames reads of the results, and more than a listing has on a page.
SIZES = (100, 1_001)
# Films of one segment and of three.
FILMS = (100, 300)


@pytest.fixture(scope="module")
def counted() -> Iterator[dict[int, tuple[Run, Asked]]]:
    with InstantFarm(counts=True) as farm:
        yield {size: farm.count(size) for size in SIZES}


@pytest.mark.parametrize("size", SIZES)
class TestAJobOfAnySizeAsksWhatTheFormulaSays:
    def test_of_states_and_events(self, counted: dict[int, tuple[Run, Asked]], size: int) -> None:
        run, _ = counted[size]
        assert run.status == "SUCCEEDED"
        assert run.transitions == expected(size).transitions
        assert len(run.events) == expected(size).parent_events

    def test_of_functions(self, counted: dict[int, tuple[Run, Asked]], size: int) -> None:
        _, asked = counted[size]
        calls = {name: count for (_, name), count in asked.others.items() if name.endswith("Function")}
        wanted = expected(size).lambda_calls
        # An instant worker ships no log, and these jobs make no film.
        assert calls == {name: count for name, count in wanted.items() if count and name != "CollectLogsFunction"}

    def test_of_requests_to_s3(self, counted: dict[int, tuple[Run, Asked]], size: int) -> None:
        _, asked = counted[size]
        assert asked.s3["functions"] == expected(size).functions
        # The emulator writes a Map's manifest and no results.
        assert asked.s3["service"] == S3Requests(gets=expected(size).service.gets, puts=1)

    def test_of_messages(self, counted: dict[int, tuple[Run, Asked]], size: int) -> None:
        _, asked = counted[size]
        assert asked.others["service", "SendMessage"] == expected(size).sqs["Step Functions: SendMessage"]


def test_neither_state_nor_history_grows_with_the_job(counted: dict[int, tuple[Run, Asked]]) -> None:
    small, large = (counted[size][0] for size in SIZES)
    assert len(small.events) == len(large.events)
    # A digit more in a count.
    assert abs(large.state_bytes - small.state_bytes) < 10
    assert large.state_bytes < expected(SIZES[-1]).state_bytes < STATE


def test_a_job_of_any_size_with_every_round_and_a_film_has_under_a_hundred_events() -> None:
    assert parent_events(rounds.LAST - rounds.SCOUTS + 1, films=True) < EVENTS
    segments = len(plan_segments(MAX_FRAMES))
    longest = aws_requests(frames=MAX_FRAMES, chunks=MAX_FRAMES, segments=segments, rounds=2)
    assert longest.parent_events < EVENTS
    assert longest.state_bytes < STATE


@pytest.fixture(scope="module")
def films() -> Iterator[dict[int, tuple[Run, Asked]]]:
    """A whole worker, scouts and a film, of one segment and of several."""
    with InstantFarm(counts=True, worker=(sys.executable, "-m", "benchmarks.instant_blender")) as farm:
        yield {frames: farm.count(frames, of=None, workers=5, output="both") for frames in FILMS}


@pytest.mark.parametrize("frames", FILMS)
def test_a_whole_worker_scouts_and_a_film_make_the_formulas_requests(
    films: dict[int, tuple[Run, Asked]], frames: int
) -> None:
    run, asked = films[frames]
    # The planner sizes chunks by the worker's measured times.
    chunks = asked.others["service", "SendMessage"]
    formula = aws_requests(
        frames=frames,
        chunks=chunks,
        segments=len(plan_segments(frames)),
        rounds=2,
        # It keeps the scene that it fetched for the first.
        workers=1 if frames == FILMS[0] else 0,
        scene_bytes=SCENE.stat().st_size,
    )
    assert run.status == "SUCCEEDED"
    assert (run.transitions, len(run.events)) == (formula.transitions, formula.parent_events)
    assert asked.others["service", "EncodeSegmentFunction"] == formula.lambda_calls["EncodeSegmentFunction"]
    assert asked.s3["functions"] == formula.functions
    # The emulator writes each Map's manifest and no results.
    assert asked.s3["service"] == S3Requests(gets=formula.service.gets, puts=formula.service.puts // 2)
    assert asked.s3["workers"] == formula.workers
    found = {name: count for (who, name), count in asked.others.items() if who == "workers"}
    # It ships its log twice a second at most, and before it answers: frames that take no time have no piece each.
    assert chunks <= found.pop("SendMessage") <= formula.sqs["worker: SendMessage"]
    # And it asks again where nothing has come for 20 seconds.
    assert found.pop("ReceiveMessage") >= chunks
    assert found == {
        "ChangeMessageVisibility": formula.sqs["worker: ChangeMessageVisibility"],
        "DeleteMessage": formula.sqs["worker: DeleteMessage"],
        **formula.tokens,
    }


def test_neither_state_nor_history_grows_with_the_film(films: dict[int, tuple[Run, Asked]]) -> None:
    short, long = (films[frames][0] for frames in FILMS)
    assert len(short.events) == len(long.events) < EVENTS
    # Digits of some counts: of chunks, segments, frames and the film's bytes.
    assert abs(long.state_bytes - short.state_bytes) < 10
    assert long.state_bytes < STATE
