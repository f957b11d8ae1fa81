"""Our sizes against fixed ones, on simulated fleets: a small run of `python -m benchmarks.fleet`."""

import pytest

from benchmarks.fleet import FIRST_TIME, FIXED, KNOWN, Row, outcomes, table
from frameloom.estimate.fleet_simulation import Costs, Outcome, frame_times, simulate

SEEDS = (1, 2, 3)
COSTS = Costs()
PLENTY = [(100, 1), (1_000, 1), (1_000, 10), (10_000, 10), (10_000, 100)]
FEW = [(100, 10), (100, 100), (1_000, 100), (1_000, 1_000), (10_000, 1_000)]


def best_fixed(found: dict[str, Outcome]) -> tuple[float, float]:
    """Return the best efficiency and the best wall time of any fixed size; they may be of two."""
    fixed = [found[str(size)] for size in FIXED]
    return max(each.efficiency for each in fixed), min(each.wall for each in fixed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("frames", "workers"), PLENTY)
def test_no_fixed_size_is_better_with_plenty_of_frames_per_worker(frames: int, workers: int, seed: int) -> None:
    found = outcomes(Row(frames=frames, workers=workers), COSTS, seed=seed)
    efficiency, wall = best_fixed(found)
    assert found[KNOWN].wall <= 1.03 * wall
    assert found[KNOWN].efficiency >= efficiency - 0.02
    assert found[KNOWN].efficiency >= 0.9
    # Scouts cost a node's start and a frame, for which the other chunks wait.
    slowest = max(frame_times(frames, seed=seed))
    assert found[FIRST_TIME].wall <= 1.03 * wall + COSTS.node + COSTS.start + COSTS.between + slowest
    assert found[FIRST_TIME].efficiency >= efficiency - 0.02


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("frames", "workers"), FEW)
def test_chunks_of_one_are_less_than_a_third_faster_with_few_frames_per_worker(
    frames: int, workers: int, seed: int
) -> None:
    found = outcomes(Row(frames=frames, workers=workers), COSTS, seed=seed)
    _, wall = best_fixed(found)
    assert found[KNOWN].wall <= 4 / 3 * wall
    assert found[FIRST_TIME].wall <= 4 / 3 * wall


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fleet_of_a_tenth_of_max_workers_is_as_busy(seed: int) -> None:
    found = outcomes(Row(frames=10_000, workers=100), COSTS, present=10, seed=seed)
    efficiency, wall = best_fixed(found)
    assert found[KNOWN].wall <= 1.03 * wall
    assert found[KNOWN].efficiency >= max(0.97, efficiency - 0.02)


def test_the_same_seed_gives_the_same_figures() -> None:
    row = Row(frames=1_000, workers=10)
    assert outcomes(row, COSTS) == outcomes(row, COSTS)
    assert table({row: outcomes(row, COSTS)}).row_count == 1


# ── The simulation itself ──

FREE = Costs(node=10.0, rate=1.0, start=2.0, turn=0.5, between=1.0, idle_timeout=4.0)


def test_a_worker_takes_chunks_in_turn_and_pays_its_start_once() -> None:
    outcome = simulate([3.0, 4.0, 5.0], 1, FREE, out=10)
    assert outcome.wall == pytest.approx(10 + 2 + 12 + 3 * 0.5)
    assert outcome.rendered == pytest.approx(12)
    assert outcome.paid == pytest.approx(outcome.wall - 10)


def test_workers_start_one_by_one_and_stop_without_a_chunk() -> None:
    outcome = simulate([20.0, 20.0], 5, FREE, out=10)
    # The second worker starts a second later and ends the job; three more are not started.
    assert outcome.wall == pytest.approx(11 + 2 + 0.5 + 20)
    assert outcome.paid == pytest.approx(22.5 + 1 + 22.5)
    assert simulate([90.0, 1.0], 2, FREE, out=10).paid in (pytest.approx(92.5 + 3.5 + 4), pytest.approx(92.5 + 3.5 + 4))


def test_the_remaining_workers_begin_the_second_round() -> None:
    first = simulate([10.0], 1, FREE, out=10)
    second = simulate([10.0], 1, FREE, out=10, before=first)
    # No node and no start, but a paid second of the orchestrator.
    assert second.wall == pytest.approx(first.wall + 1 + 0.5 + 10)
    assert second.paid == pytest.approx(first.paid + 1 + 0.5 + 10)
    assert second.rendered == pytest.approx(20)


def test_every_frame_is_rendered_by_every_size() -> None:
    row = Row(frames=2_000, workers=10)
    total = sum(frame_times(row.frames, seed=1))
    assert [each.rendered for each in outcomes(row, COSTS).values()] == pytest.approx([total] * 5)
