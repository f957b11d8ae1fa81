"""`python -m worker`: render chunks from the chunk queue until stopped."""

import gc
import os
import sys

from worker.blender import Blender
from worker.config import ConfigError, WorkerConfig
from worker.credential_guard import make_undumpable
from worker.workdir import WorkDir


def main() -> int:
    """Run the worker; return 0 after SIGTERM or when the queue stays empty, 2 if the environment is wrong."""
    make_undumpable()
    try:
        config = WorkerConfig.from_environment(os.environ)
    except ConfigError as error:
        print(f"worker: {error}", file=sys.stderr)
        return 2
    with WorkDir(config.scratch) as folder:
        blender = Blender(scratch=folder.path)
        # First of all: Blender loads in a process of its own while this one imports boto3.
        blender.start()
        from worker.service import serve  # noqa: PLC0415

        serve(config, folder, blender)
    return 0


if __name__ == "__main__":
    code = main()
    # A last collection would visit every imported object: 0.1 s, while a farm waits for its workers to end.
    gc.freeze()
    sys.exit(code)
