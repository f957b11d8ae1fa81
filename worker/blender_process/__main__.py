"""`python -m worker.blender_process`: the process that holds Blender, in a sandbox before it loads Blender."""

from worker.blender_process.sandbox import seclude
from worker.memory import be_killed_first


def main() -> None:
    """Leave the network, then answer commands."""
    be_killed_first()
    refused = seclude()
    # Not before: Blender starts threads, and a process of several cannot be secluded.
    from worker.blender_process import session  # noqa: PLC0415

    session.main(network=refused)


if __name__ == "__main__":
    main()
