"""Makes Python what it is in a Lambda: run by ministack on another processor, by Python itself on each start.

ministack runs a function in its own interpreter, on this machine's processor. So two things would be as they are
not in AWS:

- The layer's native modules are for arm64, which is right, and no other processor loads them. In the place of each
  that the layer holds comes its twin: the same version of the same package from the same lock, built for this
  processor, below $FRAMELOOM_TWINS. All else comes from the layer, which is the one that was deployed.
- What ministack itself needs would be there for the functions as well, and hide what their layer lacks.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec
from pathlib import Path
from types import ModuleType

# Where ministack unpacks a function's first layer, which is its only one.
_LAYER = f"{os.sep}layer_0{os.sep}python"


class Twins:
    """Finds the twin of each native module that the layer holds, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where the twin of a module is, or None where the layer has no native module of that name."""
        for folder in sys.path if path is None else path:
            _, layer, below = folder.partition(_LAYER)
            # Never the twin of what the layer lacks: that has to be missed.
            if layer and any(Path(folder).glob(f"{name.rpartition('.')[2]}.*so")):
                twins = os.environ["FRAMELOOM_TWINS"] + below
                return FileFinder(twins, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec(name)
        return None


# ministack itself, and all other Python that it may start, stay as they are.
if sys.orig_argv[-1].endswith("_worker.py"):
    sys.path[:] = [folder for folder in sys.path if "site-packages" not in folder]
    sys.meta_path.insert(0, Twins)
