"""Flat frames, all pixels of one colour: doubted once, and stored when a second process of Blender renders the same.

A black frame may be meant, and may be what a broken driver leaves, or what the frames before have left in Blender. Its
neighbours are no witnesses where a worker renders whole chunks black, and a process is none of its own frames, however
often it renders them. So each flat frame is rendered by two processes: a job that is black from end to end costs one
more attempt for each chunk. Each finding is an object of its own, keyed by its process: found twice, it is there once.
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

    def settle(self, message: ChunkMessage, frame: int, colour: str, *, process: str) -> None:
        """Return where another process has found the same; else write it down.

        Args:
            process: of Blender, the one that rendered the frame (worker.blender.Rendered).

        Raises:
            FrameInvalid: no other process has found the same.
        """
        prefix = keys.flat_prefix(message.job_id, frame, colour)
        ours = keys.flat_key(prefix, worker=self.worker, process=process)
        if any(found.key != ours for found in self.store.list(self.bucket, prefix)):
            return
        self.store.put(self.bucket, ours, b"{}", content_type="application/json")
        raise FrameInvalid(
            frame=frame,
            problem=f"all of it is of one colour ({colour}), to be believed when another Blender renders it so",
        )
