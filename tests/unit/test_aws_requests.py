"""The formula of AWS requests, compared with the definition and with a counted listing."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from frameloom.estimate import aws_requests as formula
from frameloom.estimate.aws_requests import aws_requests, listed
from frameloom.services.storage.job_documents import RANGE
from frameloom.services.storage.parallel_listing import PAGE, list_between
from frameloom.services.storage.ports import StoredObject
from frameloom.services.verify_frames import plan_segments
from frameloom.testing import MemoryStore
from statemachine.__main__ import DEFINITION, ROOT

Machine = dict[str, Any]


@pytest.fixture(scope="module")
def machine() -> Machine:
    loaded: Machine = json.loads((ROOT / DEFINITION).read_text(encoding="utf-8"))
    return loaded


def way(machine: Machine, answers: Sequence[str] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the states of a successful job; `answers` are the results of VerifyFrames, in order."""
    results = iter(answers)
    name: str | None = machine["StartAt"]
    while name is not None:
        state = machine["States"][name]
        yield name, state
        if name == "NextStep":
            answer = next(results)
            name = next(rule["Next"] for rule in state["Choices"] if rule["StringEquals"] == answer)
        elif name == "AnyChunks":
            name = state["Choices"][0]["Next"]
        else:
            name = state.get("Default") or state.get("Next")


def events(states: Iterable[tuple[str, dict[str, Any]]]) -> int:
    """Return how many events states leave in a history, by the formula's table."""
    return sum(formula.EVENTS[state["Type"]] for _, state in states)


@pytest.mark.parametrize(
    ("answers", "segments"),
    [
        (["LogJob"], 0),
        (["PlanChunks", "LogJob"], 0),
        (["EncodeSegments"], 1),
        (["EncodeSegments"], 7),
        (["PlanChunks", "EncodeSegments"], 40),
    ],
)
def test_a_job_enters_the_states_of_the_definition(machine: Machine, answers: list[str], segments: int) -> None:
    states = list(way(machine, answers))
    found = aws_requests(frames=5, chunks=5, segments=segments, rounds=len(answers))
    assert found.transitions == len(states)
    assert found.parent_events == formula.EXECUTION_EVENTS + events(states)


def test_a_child_enters_one_state_that_waits_for_a_token_or_for_a_function(machine: Machine) -> None:
    maps = [machine["States"][name]["ItemProcessor"] for name in ("RenderChunks", "EncodeSegments")]
    ((chunk, waits),), ((segment, encodes),) = (list(way(processor)) for processor in maps)
    found = aws_requests(frames=50, chunks=10, segments=3)
    assert ((chunk,), (segment,)) == (formula.EACH_CHUNK, formula.EACH_SEGMENT)
    assert waits["Resource"].endswith(".waitForTaskToken")
    assert encodes["Resource"].endswith(":lambda:invoke")
    assert found.child_transitions == 10 + 3
    for processor in maps:
        # Neither's items are in the job's own history and state.
        config = processor["ProcessorConfig"]
        assert (config["Mode"], config["ExecutionType"]) == ("DISTRIBUTED", found.children)


class CountingStore(MemoryStore):
    """A folder of frames that counts the pages of its listings."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames, self.pages = frames, 0

    def list(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the objects after a key, and count each page as it begins."""
        del bucket, prefix
        keys = [key for key in map(frame_key, range(self.frames)) if key > after]
        for index, key in enumerate(keys):
            self.pages += index % PAGE == 0
            yield StoredObject(key=key, size=1)


def frame_key(frame: int) -> str:
    return f"f/{frame:06d}"


@pytest.mark.parametrize("frames", [1, 999, 1000, 1001, 5000, 5001, 10_001, 20_500])
def test_a_listing_requests_the_pages_of_the_formula(frames: int) -> None:
    store = CountingStore(frames)
    edges = sorted({0, frames - 1, *range(RANGE, frames, RANGE)})
    found = list(list_between(store, "bucket", "f/", list(map(frame_key, edges))))
    assert len(found) == frames
    assert store.pages == listed(frames)


@pytest.mark.parametrize("chunks", [100, 1_000, 10_000, 100_000])
def test_no_count_grows_faster_than_the_job(chunks: int) -> None:
    one, ten = (
        aws_requests(frames=3 * size, chunks=size, segments=len(plan_segments(3 * size)), workers=10)
        for size in (chunks, 10 * chunks)
    )
    for name in ("transitions", "parent_events", "child_events", "state_bytes"):
        assert getattr(one, name) == getattr(ten, name)
    for name in ("child_transitions", "s3_puts", "s3_gets", "s3_lists", "sqs_requests"):
        assert getattr(ten, name) <= 10 * getattr(one, name)


def test_a_third_round_is_refused() -> None:
    with pytest.raises(ValueError, match="rounds must be 1, or 2"):
        aws_requests(frames=1, chunks=1, rounds=3)


@pytest.mark.parametrize("frames", [400, 1_000])
@pytest.mark.parametrize("scouts", [0, 1])
@pytest.mark.parametrize("segments", [0, 4])
def test_the_sums_match_the_architecture_page(frames: int, scouts: int, segments: int) -> None:
    chunks, workers, film = frames // 4, 3, int(segments > 0)
    found = aws_requests(frames=frames, chunks=chunks, segments=segments, rounds=1 + scouts, workers=workers)
    assert found.transitions == 10 + 6 * scouts + 2 * film
    assert found.parent_events == 41 + 22 * scouts + 11 * film
    assert (found.child_transitions, found.child_events) == (chunks + segments, 8)
    assert found.state_bytes == 4096
    assert sum(found.lambda_calls.values()) == 4 + 2 * scouts + film * (1 + segments) + frames + chunks
    assert found.s3_puts == 6 + 2 * frames + 2 * chunks + 4 * scouts + film * (8 + segments)
    film_gets = film * (5 + frames + 4 * segments)
    assert found.s3_gets == 21 + chunks + 2 * workers + 8 * scouts + film_gets
    # A page of each, however little is on it.
    assert found.s3_lists == 1 + chunks + 2 + 2 + 3 * scouts + film
    assert found.sqs_requests == 4 * chunks + 3 * (frames + chunks)
