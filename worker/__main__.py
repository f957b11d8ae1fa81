"""`python -m worker`: render chunks from the chunk queue until told to go."""

import gc
import os
import sys

from worker.blender import Blender
from worker.blender_process.sandbox import keep_to_itself
from worker.config import ConfigError, WorkerConfig
from worker.workdir import WorkerFolder


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
        # Before all else: it loads in a process of its own while this one imports what speaks to AWS.
        blender.start()
        from worker.service import serve  # noqa: PLC0415

        serve(config, folder, blender)
    return 0


if __name__ == "__main__":
    code = main()
    # The collector would look through all that was imported once more: a tenth of a second, while a farm waits to end.
    gc.freeze()
    sys.exit(code)
