"""A worker at work: its supervisor with what speaks to AWS, and what workers that died have left."""

import threading
from collections.abc import Callable
from pathlib import Path

from frameloom.aws.clients import BRIEF, HASTY, client
from frameloom.aws.credentials import renew_refused_credentials
from frameloom.aws.executions import TaskTokens
from frameloom.aws.queue import Queue
from frameloom.aws.store import S3Store
from frameloom.aws.transient import is_transient
from frameloom.model.log_event import LogEvent
from worker.blender import Blender
from worker.config import WorkerConfig
from worker.log import log
from worker.log_shipper import LogShipper, ship_leftover_logs
from worker.supervisor import Supervisor
from worker.workdir import WorkerFolder, logs_in, settle_estates


def serve(config: WorkerConfig, folder: WorkerFolder, blender: Blender) -> None:
    """Render chunks until told to go, or until there has been no work for as long as the configuration says."""
    renew_refused_credentials()
    send = Queue(config.log_queue, client("sqs", HASTY)).send
    with LogShipper(worker=config.name, send=send, folder=folder.logs) as shipper:
        # Beside the work: what is left of others delays nobody.
        threading.Thread(target=_succeed_the_dead, args=(config.scratch, send), name="estates", daemon=True).start()
        supervisor = Supervisor(
            config=config,
            queue=Queue(config.chunk_queue, client("sqs", BRIEF), leases=client("sqs", HASTY)),
            store=S3Store(client("s3", BRIEF)),
            tokens=TaskTokens(client("stepfunctions", HASTY)),
            shipper=shipper,
            blender=blender,
            folder=folder.path,
            passes=is_transient,
        )
        supervisor.run()


def _succeed_the_dead(scratch: Path, send: Callable[[str], None]) -> None:
    """Ship what workers that were killed have not shipped, and take their files away."""
    try:
        settle_estates(scratch, lambda left: ship_leftover_logs(logs_in(left), send))
    except Exception as error:  # noqa: BLE001  it stays for the next worker
        log.warning(LogEvent.LEFTOVERS_FAILED, "The folder of a dead worker was not removed", problem=str(error))
