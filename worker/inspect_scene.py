"""`python -m worker.inspect_scene FILE NAME VERSION`: print the facts about a scene that this machine's Blender finds.

The command line runs it for a file that it cannot read itself. The answer is a line of JSON: the facts, or the name of
an error and its own facts.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from frameloom.model.errors import FarmError
from worker.blender import Blender, BlenderKilled


def main(file: str, name: str, version: str) -> None:
    """Inspect a scene in Blender's sandbox, as a worker does."""
    with tempfile.TemporaryDirectory(prefix="frameloom-inspect-") as scratch:
        blender = Blender(scratch=Path(scratch))
        try:
            answer: dict[str, Any] = {"facts": blender.inspect(Path(file), name=name, version=version)}
        except FarmError as error:
            answer = {"error": type(error).__name__, "facts": error.facts}
        except BlenderKilled:
            return
        finally:
            blender.close()
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
