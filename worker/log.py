"""The worker's own log events, written to Python's `logging`; worker/log_shipper.py is the handler that ships them."""

import logging
from typing import Any

from frameloom.model.log_event import LogEvent

NAME = "worker"


class EventLog:
    """Logs events, each with a sentence for people and facts for programs.

    The fact `frame` becomes the record's frame.
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: LogEvent, message: str, **facts: Any) -> None:
        """Log a line of Blender's output."""
        self._log(logging.DEBUG, event, message, facts)

    def info(self, event: LogEvent, message: str, **facts: Any) -> None:
        """Log a step of the work."""
        self._log(logging.INFO, event, message, facts)

    def warning(self, event: LogEvent, message: str, **facts: Any) -> None:
        """Log a problem that the worker recovers from by itself."""
        self._log(logging.WARNING, event, message, facts)

    def error(self, event: LogEvent, message: str, **facts: Any) -> None:
        """Log a problem that ends a chunk or keeps the worker from its work."""
        self._log(logging.ERROR, event, message, facts)

    def _log(self, level: int, event: LogEvent, message: str, facts: dict[str, Any]) -> None:
        self._logger.log(level, message, extra={"event": event, "facts": facts})


log = EventLog(logging.getLogger(NAME))
# Libraries log from WARNING on, the root logger's level.
logging.getLogger(NAME).setLevel(logging.DEBUG)
