"""`python -m worker`: render chunks from the chunk queue until told to go."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from worker.blender import Blender
from worker.config import ConfigError, WorkerConfig
from worker.folder import WorkerFolder, logs_in, settle_estates
from worker.seclusion import keep_to_itself


def main() -> int:
    """Run the worker; return 0 when it was told to go or found nothing more to do, 2 for a wrong environment."""
    keep_to_itself()
    try:
        config = WorkerConfig.from_environment(os.environ)
    except ConfigError as error:
        print(f"worker: {error}", file=sys.stderr)
        return 2
    with WorkerFolder(config.scratch) as folder:
        blender = Blender(scratch=folder.path)
        # Before all else: it loads in its own process while this one imports what speaks to AWS.
        blender.start()
        _supervise(config, folder, blender)
    return 0


def _supervise(config: WorkerConfig, folder: WorkerFolder, blender: Blender) -> None:
    from frameloom.aws.clients import BRIEF, HASTY, client  # noqa: PLC0415
    from frameloom.aws.credentials import renew_refused_credentials  # noqa: PLC0415
    from frameloom.aws.executions import TaskTokens  # noqa: PLC0415
    from frameloom.aws.outages import passes  # noqa: PLC0415
    from frameloom.aws.queue import Queue  # noqa: PLC0415
    from frameloom.aws.store import S3Store  # noqa: PLC0415
    from worker.log import LogShipper  # noqa: PLC0415
    from worker.supervisor import Supervisor  # noqa: PLC0415

    renew_refused_credentials()
    send = Queue(config.log_queue, client("sqs", HASTY)).send
    # Beside the work: what is left of others delays nobody.
    threading.Thread(target=_succeed_the_dead, args=(config.scratch, send), name="estates", daemon=True).start()
    with LogShipper(worker=config.name, send=send, folder=folder.logs) as log:
        supervisor = Supervisor(
            config=config,
            queue=Queue(config.chunk_queue, client("sqs", BRIEF), leases=client("sqs", HASTY)),
            store=S3Store(client("s3", BRIEF)),
            tokens=TaskTokens(client("stepfunctions", HASTY)),
            log=log,
            blender=blender,
            folder=folder.path,
            passes=passes,
        )
        supervisor.run()


def _succeed_the_dead(scratch: Path, send: Callable[[str], None]) -> None:
    """Ship what workers that were killed have not shipped, and take their files away."""
    from worker.log import ship_left_behind  # noqa: PLC0415

    try:
        settle_estates(scratch, lambda left: ship_left_behind(logs_in(left), send))
    except Exception as error:  # noqa: BLE001  it stays for the next worker
        print(f"worker: what a dead worker left stays: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
