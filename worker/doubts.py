"""Frames of one colour: doubted once, and believed when a second attempt comes to the same.

A black frame may be meant, and may be what a broken driver leaves. Its neighbours are no witnesses where a worker
renders whole chunks black, so every such frame is rendered twice: a job that is black from end to end costs one more
attempt for each chunk. Each finding is an object of its own, whose key says all of it: found twice, it is there once.
"""

from dataclasses import dataclass

from frameloom.model import keys
from frameloom.model.errors import FrameInvalid
from frameloom.model.messages import ChunkMessage
from frameloom.services.ports import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """What this worker and others have found of frames of one colour, in the log bucket."""

    store: Store
    bucket: str
    worker: str

    def settle(self, message: ChunkMessage, frame: int, colour: str) -> None:
        """Return where another attempt, or another worker, has found the same; else write it down.

        Raises:
            FrameInvalid: nobody has found the same before.
        """
        prefix = keys.flat_prefix(message.job_id, frame, colour)
        ours = keys.flat_key(prefix, message.chunk_id, attempt=message.attempt, worker=self.worker)
        if any(found.key != ours for found in self.store.list(self.bucket, prefix)):
            return
        self.store.put(self.bucket, ours, b"{}", content_type="application/json")
        raise FrameInvalid(
            frame=frame, problem=f"all of it is of one colour ({colour}), to be believed when rendered so again"
        )
