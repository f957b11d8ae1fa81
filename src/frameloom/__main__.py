"""The program `frameloom`, or `python -m frameloom`."""

import gc
import json
import sys

# Objects between two runs of the garbage collector.
_SELDOM = 100_000


def main() -> None:
    """Run the command line as a process of its own, and end that.

    The collector would look through thousands of classes several times while they are imported, and once more at the
    end, and find nothing: 0.15 s of every command.
    """
    gc.set_threshold(_SELDOM)
    try:
        from frameloom.cli import main as command_line  # noqa: PLC0415

        sys.exit(command_line())
    except KeyboardInterrupt:
        # Before a command can answer for itself: its modules are imported.
        _answer_interrupted()
        sys.exit(130)
    finally:
        gc.freeze()


def _answer_interrupted() -> None:
    cause = "Interrupted."
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps({"error": "Canceled", "cause": cause}, indent=2) + "\n")
    sys.stderr.write(f"frameloom: {cause}\n")


if __name__ == "__main__":
    main()
