"""Makes Python behave as in Lambda when ministack runs it on another processor; Python imports it on each start.

ministack runs a function in its own interpreter, on this machine's processor. Without this file, two things would
differ from AWS:

- The layer's native modules are for arm64, and no other processor loads them. Each is replaced by its twin: the same
  version of the same package from the same lock, built for this processor, below $FRAMELOOM_TWINS. All other files come
  from the deployed layer.
- The functions could import ministack's own packages, which would hide a package that their layer lacks.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec
from pathlib import Path
from types import ModuleType

# The folder of a function's first and only layer in ministack.
_LAYER = f"{os.sep}layer_0{os.sep}python"


class Twins:
    """Finds this machine's twin of each native module in the layer, and no other module."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module's twin, or None if the layer has no native module of that name."""
        for folder in sys.path if path is None else path:
            _, layer, below = folder.partition(_LAYER)
            # A module that the layer lacks must fail to import, so it has no twin here.
            if layer and any(Path(folder).glob(f"{name.rpartition('.')[2]}.*so")):
                twins = os.environ["FRAMELOOM_TWINS"] + below
                return FileFinder(twins, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec(name)
        return None


# ministack's own Python and others that it starts are not changed.
if sys.orig_argv[-1].endswith("_worker.py"):
    sys.path[:] = [folder for folder in sys.path if "site-packages" not in folder]
    sys.meta_path.insert(0, Twins)
