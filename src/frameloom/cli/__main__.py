"""Run the command line as `python -m frameloom.cli`."""

import sys

from frameloom.cli import main

sys.exit(main())
