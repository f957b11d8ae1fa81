"""The runs of frames through which a worker takes a chunk."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from frameloom.model.frames import FrameRange
from frameloom.model.simulations import Order
from worker.chunk import passes

FRAMES = st.sets(st.integers(-5, 40), min_size=1).map(FrameRange.of)
ORDERS = st.builds(Order, first=st.integers(-5, 20), step=st.integers(1, 5))


@given(FRAMES, st.none() | ORDERS)
def test_each_wanted_frame_is_rendered_once_and_all_frames_of_the_order_come_in_order(
    wanted: FrameRange, order: Order | None
) -> None:
    runs = list(passes(wanted, order))
    assert list(chain.from_iterable(run for run, is_wanted in runs if is_wanted)) == list(wanted)
    passed = list(chain.from_iterable(run for run, _ in runs))
    assert passed == list(wanted if order is None else order.frames(wanted))
    # No animation of Blender has frames below 0.
    assert all(len(run) == 1 for run, _ in runs if run[0] < 0)


def test_frames_before_the_wanted_ones_are_only_simulated() -> None:
    runs = list(passes(FrameRange.parse("5-6,9"), Order(first=1)))
    assert runs == [(range(1, 5), False), (range(5, 7), True), (range(7, 9), False), (range(9, 10), True)]
