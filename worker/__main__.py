"""`python -m worker`: render chunks from the chunk queue until told to go."""

import os
import sys

from frameloom.aws.executions import TaskTokens
from frameloom.aws.queue import Queue
from frameloom.aws.store import S3Store
from worker.config import ConfigError, WorkerConfig
from worker.log import LogShipper
from worker.seclusion import keep_to_itself
from worker.supervisor import Supervisor


def main() -> int:
    """Run the worker; return 0 when it was told to go or found nothing more to do, 2 for a wrong environment."""
    keep_to_itself()
    try:
        config = WorkerConfig.from_environment(os.environ)
    except ConfigError as error:
        print(f"worker: {error}", file=sys.stderr)
        return 2
    log = LogShipper(worker=config.name, send=Queue(config.log_queue).send)
    with log:
        supervisor = Supervisor(
            config=config, queue=Queue(config.chunk_queue), store=S3Store(), tokens=TaskTokens(), log=log
        )
        supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
