"""A second Blender beside the one of the environment, installed once a checkout as users install it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from frameloom.local.blender_packages import add_blender
from frameloom.services.system.installed_blenders import VARIABLE, InstalledBlender

# Git ignores it. `make clean` removes it.
FOLDER = Path(__file__).resolve().parents[1] / ".blenders"
SECOND = "5.0"


@contextmanager
def added_blenders() -> Iterator[None]:
    """Within it, this process and its children have the Blenders of `FOLDER` beside that of the environment."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = str(FOLDER)
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def second_blender() -> InstalledBlender:
    """Return Blender 5.0, after its download (373 MB) and installation if it is not in `FOLDER`."""
    with added_blenders():
        return add_blender(SECOND, print)
