"""What Blender says of a chunk that came back: a worker that had it died, and this one may die of it too."""

import time

from frameloom.model import keys
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage
from frameloom.services.storage.ports import Store
from worker.blender import Blender
from worker.log import log
from worker.log_shipper import LogShipper

# A line is one of Blender's own, of a script or of a library; none may fill the log.
LINES_PER_SECOND, LONGEST_LINE = 50, 500


class Witness:
    """Logs Blender's own lines of such a chunk, and leaves word of where that log is.

    Of other chunks they are not worth their keep: some forty lines for each frame.
    """

    def __init__(self, *, store: Store, bucket: str, worker: str, shipper: LogShipper) -> None:
        self._store, self._bucket, self._worker, self._shipper = store, bucket, worker, shipper
        self._second, self._lines = 0, 0

    def watch(self, message: ChunkMessage, blender: Blender, *, receives: int) -> None:
        """Listen to Blender while it works on a chunk that was received `receives` times, this time included."""
        blender.tell = None if receives <= 1 else self._hear
        if receives <= 1:
            return
        # The pieces of the log that are looked at are those from here on.
        self._shipper.ship()
        key = keys.returned_key(message.job_id, message.chunk_id, at=time.time_ns(), worker=self._worker)
        try:
            self._store.put(self._bucket, key, b"")
        except Exception as error:  # noqa: BLE001  the chunk is worth more than its words
            log.warning(LogEvent.LOG_MARK_FAILED, "The mark of this chunk's log was not stored", problem=str(error))

    def _hear(self, line: str, frame: int | None) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if line and self._lines <= LINES_PER_SECOND:
            log.debug(LogEvent.BLENDER_OUTPUT, line[:LONGEST_LINE], frame=frame, source="Blender")
