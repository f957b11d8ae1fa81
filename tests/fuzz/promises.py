"""The promise of each reader for any input: a consistent value, or a declared error."""

import contextlib
import resource
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from frameloom.model.errors import InvalidRequest, NoCamera, SceneUnreadable
from frameloom.model.frames import MAX_FRAMES, FrameRange
from frameloom.model.messages import ChunkMessage, LogBatch, LogRecord, UnreadableChunk, UnreadableMessage
from frameloom.model.request import parse_request
from tests.job_requests import upload
from tests.unit.blends import read

# Seconds of processor time for one input. An endless loop takes more on every machine.
SECONDS = 5.0
# The bytes by which one input may raise the peak memory of the process.
MEMORY = 128 * 2**20


@contextmanager
def within_bounds() -> Iterator[None]:
    """Fail if the body takes more time or memory than one input may."""
    begun, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - begun < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024 < MEMORY


def request(value: object) -> None:
    """Read a JSON value as the input of an execution."""
    with within_bounds(), contextlib.suppress(InvalidRequest):
        parsed = parse_request(value)
        assert parse_request(parsed.to_json()) == parsed


def metadata(pairs: Mapping[str, str]) -> None:
    """Read the metadata of an uploaded scene."""
    with within_bounds(), contextlib.suppress(InvalidRequest):
        assert parse_request(upload(), metadata=pairs).file == "film/shot.blend"


def frames(text: str) -> None:
    """Read a range of frames."""
    with within_bounds(), contextlib.suppress(InvalidRequest):
        parsed = FrameRange.parse(text)
        assert 0 < len(parsed) <= MAX_FRAMES
        assert FrameRange.parse(str(parsed)) == parsed


def message(body: str | bytes) -> None:
    """Read a message of a queue: a chunk, an unreadable chunk, a part of a log, or a log record."""
    for kind in (ChunkMessage, UnreadableMessage, UnreadableChunk, LogBatch, LogRecord):
        with within_bounds(), contextlib.suppress(ValueError):
            parsed = kind.model_validate_json(body)
            if isinstance(parsed, ChunkMessage):
                with contextlib.suppress(InvalidRequest):
                    assert len(parsed.frame_range()) > 0


def scene(data: bytes) -> None:
    """Read a scene."""
    with within_bounds(), contextlib.suppress(SceneUnreadable, NoCamera, InvalidRequest):
        assert read(data, limit=64 * 2**20).pick().rendered_size() > (0, 0)
