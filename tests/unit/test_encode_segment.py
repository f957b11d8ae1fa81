"""Frames are fetched for the encoder in order, within a limit of bytes."""

from threading import Lock

import pytest

from frameloom.services.encode_segment import fetch_ahead


class Frames:
    """Frames of one size; counts the bytes that are fetched but not yet used."""

    def __init__(self, length: int) -> None:
        self.length, self.held, self.most, self.asked = length, 0, 0, 0
        self.lock = Lock()

    def fetch(self, number: int) -> bytes:
        with self.lock:
            self.asked += 1
            self.held += self.length
            self.most = max(self.most, self.held)
        return bytes([number]) * self.length

    def taken(self) -> None:
        with self.lock:
            self.held -= self.length


@pytest.mark.parametrize(("length", "most"), [(1, 8), (10, 8), (20, 5), (99, 1), (1000, 1)])
def test_the_bytes_fetched_ahead_are_limited(length: int, most: int) -> None:
    frames, seen = Frames(length), []
    for number, image in fetch_ahead(range(30), frames.fetch, ahead=8, max_bytes=100):
        seen.append(number)
        assert image == bytes([number]) * length
        frames.taken()
    assert seen == list(range(30))
    # The requested frame, besides those fetched ahead.
    assert frames.most <= (most + 1) * length


def test_frames_are_fetched_ahead_once_their_size_is_known() -> None:
    frames = Frames(10)
    taken = fetch_ahead(range(30), frames.fetch, ahead=8, max_bytes=100)
    next(taken)
    next(taken)
    assert frames.asked >= 9
    assert [number for number, _ in taken] == list(range(2, 30))


def test_a_frame_that_cannot_be_fetched_raises_at_its_turn() -> None:
    def fetch(number: int) -> bytes:
        if number == 2:
            raise KeyError(number)
        return b"x"

    taken = fetch_ahead(range(9), fetch)
    assert [next(taken)[0], next(taken)[0]] == [0, 1]
    with pytest.raises(KeyError):
        next(taken)
