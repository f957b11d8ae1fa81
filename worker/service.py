"""Connects the worker to AWS and runs its supervisor."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from frameloom.aws.clients import BRIEF, HASTY, client
from frameloom.aws.credentials import renew_refused_credentials
from frameloom.aws.executions import TaskTokens
from frameloom.aws.queue import Queue
from frameloom.aws.store import S3Store
from frameloom.aws.transient import is_transient
from frameloom.model.backoff import delays
from frameloom.model.log_event import LogEvent
from worker.blender import Blender
from worker.config import WorkerConfig
from worker.log import log
from worker.log_shipper import LogShipper, ship_leftover_logs
from worker.supervisor import Supervisor
from worker.workdir import WorkDir, clear_abandoned, log_folder

# Limits of the delays between attempts to ship the logs of dead workers, in seconds.
FIRST_DELAY, LONGEST_DELAY = 2.0, 60.0


def serve(config: WorkerConfig, folder: WorkDir, blender: Blender) -> None:
    """Render chunks until the worker is stopped or has been idle for the configured time."""
    renew_refused_credentials()
    send = Queue(config.log_queue, client("sqs", HASTY)).send
    with LogShipper(worker=config.name, send=send, folder=folder.logs) as shipper:
        # In a thread, so that the logs of dead workers do not delay the first chunk.
        threading.Thread(target=ship_leftovers, args=(config.scratch, send), name="leftovers", daemon=True).start()
        supervisor = Supervisor(
            config=config,
            queue=Queue(config.chunk_queue, client("sqs", BRIEF), leases=client("sqs", HASTY)),
            store=S3Store(client("s3", BRIEF)),
            tokens=TaskTokens(client("stepfunctions", HASTY)),
            shipper=shipper,
            blender=blender,
            folder=folder.path,
            is_transient=is_transient,
        )
        supervisor.run()


def ship_leftovers(scratch: Path, send: Callable[[str], None]) -> None:
    """Ship the logs of workers that were killed, and remove their folders.

    Tries again until it succeeds: a farm whose workers run for days starts no other worker that would.
    """
    for delay in delays(first=FIRST_DELAY, longest=LONGEST_DELAY):
        try:
            clear_abandoned(scratch, lambda left: ship_leftover_logs(log_folder(left), send))
        except Exception as error:  # noqa: BLE001  the log queue fails now and then
            log.warning(LogEvent.LEFTOVERS_FAILED, "The folder of a dead worker was not removed", problem=str(error))
            time.sleep(delay)
        else:
            return
