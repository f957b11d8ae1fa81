"""Remembers what SAM makes of a template: importing SAM takes longer than all else that a farm does to start."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from frameloom.local.user_folder import write_whole
from frameloom.model.errors import FarmUnavailable

# Changes whenever frameloom.local.template makes something else of the same template.
_VERSION = 3


def cached_template(path: Path, parameters: Mapping[str, str], *, folder: Path) -> dict[str, Any]:
    """Return `frameloom.local.template.local_template(path, parameters)`, remembered in `folder`.

    Raises:
        FarmUnavailable: saying what is wrong with the template.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FarmUnavailable(problem=f"{path} cannot be read: {error}") from None
    sam = importlib.metadata.version("aws-sam-translator")
    made_of = json.dumps([_VERSION, sam, str(path.resolve()), text, sorted(parameters.items())])
    remembered = folder / f"template-{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.json"
    with suppress(OSError, ValueError):
        template: dict[str, Any] = json.loads(remembered.read_text(encoding="utf-8"))
        return template
    # Here, where it has to be: SAM's import is what this module saves.
    from frameloom.local.template import local_template  # noqa: PLC0415

    template = local_template(path, parameters)
    # A home that cannot be written costs a second at each start, no more.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(remembered, json.dumps(template))
    return template
