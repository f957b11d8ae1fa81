"""The sandbox of Blender's process, entered before Blender is loaded, since scenes are untrusted.

The process gets an empty network namespace, in which not even the loopback is up, and loses the capabilities that lead
out of it. A user namespace makes that possible without privileges. It also keeps the process from reading the
environment of the supervisor, which belongs to the same user. User and group are mapped to themselves, so the process
reads scenes and writes frames as before.
"""

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
# The capabilities that lead into other namespaces and processes: CAP_SYS_PTRACE, CAP_SYS_ADMIN and the whole second
# word, which has CAP_PERFMON. Root keeps the others, since the Python environment's files may belong to another user.
_ROOT_LOSES = (1 << 19 | 1 << 21, 0xFFFFFFFF)
_ALL = (0xFFFFFFFF, 0xFFFFFFFF)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def enter_sandbox() -> str | None:
    """Cut this process off from the network; return why the kernel refuses, None if it does not.

    Call this while the process has a single thread: only such a process can enter a user namespace.
    """
    if sys.platform != "linux":
        return f"{sys.platform} has no network namespaces"
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    # Root needs no user namespace, and in one could not read the files of other users.
    ways = [_CLONE_NEWNET] if user == 0 else []
    for flags in (*ways, _CLONE_NEWUSER | _CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            break
    else:
        return os.strerror(ctypes.get_errno())
    if flags & _CLONE_NEWUSER:
        # Without the maps the process still has its files, and only sees another owner.
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _drop_capabilities(libc, every=bool(flags & _CLONE_NEWUSER))
    return None


def _drop_capabilities(libc: ctypes.CDLL, *, every: bool) -> None:
    header, sets = _Header(_CAPABILITY_VERSION, 0), (_Set * 2)()
    libc.capget(ctypes.byref(header), sets)
    for part, gone in zip(sets, _ALL if every else _ROOT_LOSES, strict=True):
        part.effective &= ~gone
        part.permitted &= ~gone
        part.inheritable &= ~gone
    libc.capset(ctypes.byref(header), sets)
    # A setuid program, or one with file capabilities, does not bring them back.
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
