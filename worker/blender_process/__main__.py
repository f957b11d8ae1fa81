"""`python -m worker.blender_process`: Blender's process, which enters its sandbox before it loads Blender."""

from worker.blender_process.sandbox import enter_sandbox
from worker.memory import be_killed_first


def main() -> None:
    """Enter the sandbox, then answer commands."""
    be_killed_first()
    refused = enter_sandbox()
    # Not before: Blender starts threads, and only a process with a single thread can enter a user namespace.
    from worker.blender_process import session  # noqa: PLC0415

    session.main(network=refused)


if __name__ == "__main__":
    main()
