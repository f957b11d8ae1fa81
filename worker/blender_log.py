"""Logs Blender's output for chunks that an earlier worker received and did not finish.

That worker may have died of the chunk, and this one may too: the log then shows the cause.
"""

import time

from frameloom.model import keys
from frameloom.model.log_event import LogEvent
from frameloom.model.messages import ChunkMessage, SceneTask
from frameloom.services.storage.ports import Store
from worker.blender import Blender
from worker.log import log
from worker.log_shipper import LogShipper

# Scripts and libraries print too, so the number and the length of lines are limited.
LINES_PER_SECOND, LONGEST_LINE = 50, 500


class BlenderLog:
    """Logs Blender's output for returned chunks, and marks in the log bucket where that log is.

    Other chunks are not worth the space: Blender prints about forty lines a frame.
    """

    def __init__(self, *, store: Store, bucket: str, worker: str, shipper: LogShipper) -> None:
        self._store, self._bucket, self._worker, self._shipper = store, bucket, worker, shipper
        self._second, self._lines = 0, 0

    def start_message(self, message: ChunkMessage | SceneTask, blender: Blender, *, receives: int) -> None:
        """Log Blender's output from now on if the message was received more than once, else stop.

        Args:
            receives: how often SQS has delivered the message, this time included.
        """
        blender.on_output = None if receives <= 1 else self._add
        if receives <= 1:
            return
        # fail_lost_chunk reads the log pieces from the mark on.
        self._shipper.ship()
        key = keys.returned_key(message.job_id, message.chunk_id, at=time.time_ns(), worker=self._worker)
        try:
            self._store.put(self._bucket, key, b"")
        except Exception as error:  # noqa: BLE001  a chunk must not fail for its log
            log.warning(LogEvent.LOG_MARK_FAILED, "The mark of this chunk's log was not stored", problem=str(error))

    def _add(self, line: str, frame: int | None) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if line and self._lines <= LINES_PER_SECOND:
            log.debug(LogEvent.BLENDER_OUTPUT, line[:LONGEST_LINE], frame=frame, source="Blender")
