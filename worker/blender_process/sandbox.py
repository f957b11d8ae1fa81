"""What a scene could do with the process that holds it, taken away before Blender is loaded.

The kernel gives the process a network of its own, in which nothing is, not even a loopback that is up, and takes the
capabilities that lead back out. A user namespace makes that possible without privileges; it also keeps what runs in
it from reading the environment of the supervisor, which is the same user's. Its user and group are mapped to
themselves: it reads scenes and writes frames as before.
"""

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_CAPABILITY_VERSION = 0x20080522
# Those that lead into other namespaces and other processes: CAP_SYS_PTRACE and CAP_SYS_ADMIN, and of the second
# word, with CAP_PERFMON in it, all. Root keeps the rest: the environment's files may be another user's.
_ROOT_LOSES = (1 << 19 | 1 << 21, 0xFFFFFFFF)
_ALL = (0xFFFFFFFF, 0xFFFFFFFF)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def seclude() -> str | None:
    """Take this process off the network; return why it is still on it where the kernel refuses.

    Called while the process has a single thread: no other may enter a user namespace.
    """
    if sys.platform != "linux":
        return f"{sys.platform} has no network namespaces"
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    # Root needs no namespace of users, and in one would lose the files of all others.
    ways = [_CLONE_NEWNET] if user == 0 else []
    for flags in (*ways, _CLONE_NEWUSER | _CLONE_NEWNET):
        if libc.unshare(flags) == 0:
            break
    else:
        return os.strerror(ctypes.get_errno())
    if flags & _CLONE_NEWUSER:
        # Without the maps files are the same user's still, only called another's.
        with contextlib.suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _drop_capabilities(libc, every=bool(flags & _CLONE_NEWUSER))
    return None


def keep_to_itself() -> None:
    """Let no other process of the same user read this one's environment or memory: credentials are in both.

    Said by the supervisor, for where the kernel refuses what keeps the child apart. It ends with an `exec`, so the
    child is as open as any.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _drop_capabilities(libc: ctypes.CDLL, *, every: bool) -> None:
    header, sets = _Header(_CAPABILITY_VERSION, 0), (_Set * 2)()
    libc.capget(ctypes.byref(header), sets)
    for part, gone in zip(sets, _ALL if every else _ROOT_LOSES, strict=True):
        part.effective &= ~gone
        part.permitted &= ~gone
        part.inheritable &= ~gone
    libc.capset(ctypes.byref(header), sets)
    # Nor does a program of root's own, or one with capabilities in its file, bring them back.
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
