"""`python -m worker.blender_process VERSION`: Blender's process, which enters its sandbox before it loads Blender."""

import json
import os
import sys
from typing import TextIO

from worker.blender_process.faults import start_answer
from worker.blender_process.sandbox import enter_sandbox
from worker.memory import be_killed_first


def main() -> int:
    """Enter the sandbox, then answer commands; return 1 if Blender does not start."""
    answers = _private_stdout()
    try:
        be_killed_first()
        refused = enter_sandbox()
        # Not before: Blender starts threads, and only a process with a single thread can enter a user namespace.
        from worker.blender_process import session  # noqa: PLC0415

        session.prepare()
    except Exception as error:  # noqa: BLE001  the supervisor waits for an answer
        answers.write(json.dumps(start_answer(error, sys.argv[1])) + "\n")
        answers.flush()
        return 1
    session.answer_commands(answers, network=refused)
    return 0


def _private_stdout() -> TextIO:
    """Return standard output for the answers alone; all other output goes to standard error."""
    private = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(private, "w", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
