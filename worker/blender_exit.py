"""Names the error that the end of Blender's process stands for."""

import signal

from frameloom.model.errors import AttemptFailed, OutOfMemory, RenderCrashed

# Output of programs that crash because memory has run out.
_OUT_OF_MEMORY = ("malloc returns null", "calloc returns null", "bad_alloc", "out of memory", "memoryerror")


def exit_error(code: int | None, *, output: str, where: str) -> AttemptFailed:
    """Return the error of a process that ended with `code`, negative for a signal, after its last `output`."""
    if code == -signal.SIGKILL:
        return OutOfMemory(where=where, problem="the system killed it, as it does when memory runs out")
    if any(sign in output.lower() for sign in _OUT_OF_MEMORY):
        return OutOfMemory(where=where, problem=f"its last output: {output}")
    how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
    return RenderCrashed(where=where, problem=f"{how}; its last output: {output or 'none'}")
