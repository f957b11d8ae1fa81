"""The program `frameloom`, or `python -m frameloom`."""

import gc
import sys

# So many objects more, and the collector looks through those that it knows.
_SELDOM = 100_000


def main() -> None:
    """Run the command line as a process of its own, and end that.

    The collector would look through thousands of classes several times while they are imported, and once more at the
    end, and find nothing: 0.15 s of every command.
    """
    gc.set_threshold(_SELDOM)
    from frameloom.cli import main as command_line  # noqa: PLC0415

    try:
        sys.exit(command_line())
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
