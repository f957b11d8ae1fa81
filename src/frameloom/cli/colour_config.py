"""The colour configuration of whoever types a command: no worker has it."""

import os

from frameloom.model.errors import InvalidRequest

_OCIO = "OCIO"


def refuse_own_configuration() -> None:
    """Refuse to render or check where Blender on this machine would take another colour configuration than its own.

    Even where a scene names only what both have, the same names may stand for other colours.

    Raises:
        InvalidRequest: naming the configuration.
    """
    path = os.environ.get(_OCIO)
    if path:
        problem = (
            f"is set to {path!r}, but farms render with the colour configuration of Blender itself: run the command "
            "without it (`env -u OCIO frameloom ...`) if the scene looks right that way"
        )
        raise InvalidRequest(field=_OCIO, problem=problem)
