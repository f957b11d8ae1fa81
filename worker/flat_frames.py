"""Flat frames, all pixels of one colour: stored only when a second Blender process renders the same frame.

A black frame may be intended, or the result of a broken driver or of state that earlier frames left in Blender. Its
neighbours prove nothing if a worker renders whole chunks black, and a process cannot confirm its own frames. So two
processes render each flat frame: a job that is entirely black costs one more attempt for each chunk. Each finding is an
object, keyed by its process, so a process that repeats a finding does not add one.
"""

from collections.abc import Mapping
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

    def confirm(self, message: ChunkMessage, frame: int, colours: Mapping[str, str], *, process: str) -> None:
        """Return if another process has rendered the same flat files of a frame; otherwise record them.

        Args:
            colours: the colour of each flat file by its name.
            process: the Blender process that rendered the frame (worker.rendered_frame).

        Raises:
            FrameInvalid: no other process has rendered the same yet.
        """
        new = [
            colour for name, colour in colours.items() if not self._is_confirmed(message, name, colour, process=process)
        ]
        if new:
            found = ", ".join(dict.fromkeys(new))
            problem = f"all pixels have one colour ({found}); it is stored when another Blender renders the same"
            raise FrameInvalid(frame=frame, problem=problem)

    def _is_confirmed(self, message: ChunkMessage, name: str, colour: str, *, process: str) -> bool:
        """Return whether another process has rendered the same flat file, and record it if not."""
        prefix = keys.flat_prefix(message.job_id, name, colour)
        ours = keys.flat_key(prefix, worker=self.worker, process=process)
        if any(found.key != ours for found in self.store.list(self.bucket, prefix)):
            return True
        self.store.put(self.bucket, ours, b"{}", content_type="application/json")
        return False
