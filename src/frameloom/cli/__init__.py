"""The command line. Each file named for a command holds its options; what it does is imported when it runs."""

from frameloom.cli.app import main

__all__ = ["main"]
