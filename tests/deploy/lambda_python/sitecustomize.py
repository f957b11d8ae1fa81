"""Makes Python behave as in a Lambda when ministack runs a function on another processor. Python loads it at each
start.

ministack runs a function in its own interpreter, on this machine's processor. Two things would differ from AWS:

- The layer's native modules are for arm64, and other processors cannot load them. Each is replaced by its twin: the
  same version of the same package from the same lock, built for this processor, under $FRAMELOOM_TWINS. All other files
  come from the deployed layer.
- The functions could import ministack's own dependencies, which would hide missing packages of their layer.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec
from pathlib import Path
from types import ModuleType

# ministack unpacks a function's first and only layer here.
_LAYER = f"{os.sep}layer_0{os.sep}python"


class Twins:
    """Finds the twin of each native module of the layer, and no other module."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the path of a module's twin; None if the layer has no native module of that name."""
        for folder in sys.path if path is None else path:
            _, layer, below = folder.partition(_LAYER)
            # No twin for a module that the layer lacks: the import must fail.
            if layer and any(Path(folder).glob(f"{name.rpartition('.')[2]}.*so")):
                twins = os.environ["FRAMELOOM_TWINS"] + below
                return FileFinder(twins, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec(name)
        return None


# ministack itself, and other Python processes that it starts, stay unchanged.
if sys.orig_argv[-1].endswith("_worker.py"):
    sys.path[:] = [folder for folder in sys.path if "site-packages" not in folder]
    sys.meta_path.insert(0, Twins)
