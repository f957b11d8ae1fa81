"""`python -m worker.child`: the process that holds Blender, secluded before it loads anything of Blender's."""

from worker.memory import go_first
from worker.seclusion import seclude


def main() -> None:
    """Leave the network, then answer commands."""
    go_first()
    refused = seclude()
    # Not before: Blender starts threads, and a process of several cannot be secluded.
    from worker import session  # noqa: PLC0415

    session.main(network=refused)


if __name__ == "__main__":
    main()
