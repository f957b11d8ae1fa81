"""Flat frames, all pixels of one colour: stored only when a second Blender process renders the same frame.

A black frame may be intended, or the result of a broken driver or of state that earlier frames left in Blender. Its
neighbours prove nothing if a worker renders whole chunks black, and a process cannot confirm its own frames. So two
processes render each flat frame: a job that is entirely black costs one more attempt for each chunk. Each finding is an
object, keyed by its process, so a process that repeats a finding does not add one.
"""

from dataclasses import dataclass

from frameloom.model import keys
from frameloom.model.errors import FrameInvalid
from frameloom.model.messages import ChunkMessage
from frameloom.services.storage.ports import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatFrames:
    """The flat frames that all workers have rendered, recorded in the log bucket."""

    store: Store
    bucket: str
    worker: str

    def confirm(self, message: ChunkMessage, frame: int, colour: str, *, process: str) -> None:
        """Return if another process has rendered the same flat frame; otherwise record it.

        Args:
            process: the Blender process that rendered the frame (worker.blender.RenderedFrame).

        Raises:
            FrameInvalid: no other process has rendered the same yet.
        """
        prefix = keys.flat_prefix(message.job_id, frame, colour)
        ours = keys.flat_key(prefix, worker=self.worker, process=process)
        if any(found.key != ours for found in self.store.list(self.bucket, prefix)):
            return
        self.store.put(self.bucket, ours, b"{}", content_type="application/json")
        raise FrameInvalid(
            frame=frame,
            problem=f"all pixels have one colour ({colour}); it is stored when another Blender renders the same",
        )
