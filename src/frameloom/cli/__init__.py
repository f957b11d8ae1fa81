"""The command line: options, display and exit codes.

A file that is named for a command holds its options, and imports the rest when the command runs.
"""

from frameloom.cli.app import main

__all__ = ["main"]
