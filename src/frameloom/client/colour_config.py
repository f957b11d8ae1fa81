"""The user's own colour configuration (`OCIO`), which no worker has."""

import os

from frameloom.model.errors import InvalidRequest

_OCIO = "OCIO"


def refuse_own_configuration() -> None:
    """Refuse to render or check with `OCIO` set, which replaces the colour configuration of Blender on this machine.

    Even if both configurations have all names in the scene, the names may stand for other colours.

    Raises:
        InvalidRequest: `OCIO` is set; the message names the configuration.
    """
    path = os.environ.get(_OCIO)
    if path:
        problem = (
            f"is set to {path!r}, but farms render with Blender's own colour configuration: run the command without "
            "it (`env -u OCIO frameloom ...`) if the scene looks right that way"
        )
        raise InvalidRequest(field=_OCIO, problem=problem)
