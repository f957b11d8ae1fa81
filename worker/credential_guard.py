"""Protects the worker's credentials from other processes of the same user."""

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def make_undumpable() -> None:
    """Keep other processes of the same user from reading this process's environment and memory.

    Both hold credentials. The supervisor calls this for machines whose kernel refuses the child's sandbox. `exec`
    resets it, so the child is not protected. Source: PR_SET_DUMPABLE in prctl(2).
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
