"""Notices: sentences about a job that are not errors, such as about a simulation that no chunk can start in the middle.

PrepareJob and the command line find them in the scene. They are shown by `frameloom check`, before the job starts, in
its status and at its end, and stored in its manifest and in its report.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from frameloom.model.base import Value, known

# A notice is stored as JSON, in the manifest and the report, and a scene may have millions of names.
_MOST_ITEMS = 100


class NoticeKind(StrEnum):
    """The kind of a notice, for programs; the names are an interface."""

    # A local farm's own: a worker that ended and was replaced.
    FARM = "farm"
    # Outputs that the scene is set to, and the job does not make.
    OUTPUT = "output"
    # Files outside the scene's folder, which are uploaded, or are not because they are no media.
    OUTSIDE = "outside"
    # Missing files that no frame shows, and missing files that the request allows.
    UNNEEDED = "unneeded"
    MISSING = "missing"
    WITHHELD = "withheld"
    # Python in the scene, which runs only if the job trusts it.
    SCRIPTS = "scripts"
    # Strips that render empty, since their scene has no camera.
    STRIPS = "strips"
    # Unbaked simulations.
    SIMULATIONS = "simulations"
    # Views of a stereo scene that the film lacks, or that are stored or rendered otherwise than the scene implies.
    STEREO = "stereo"
    # Metadata that is burnt into frames, and differs from that of the artist's Blender.
    STAMP = "stamp"
    # A colour configuration other than Blender's own.
    COLOURS = "colours"
    # Data of add-ons, which workers lack.
    ADDONS = "addons"


def _first(items: tuple[str, ...]) -> tuple[str, ...]:
    return items[:_MOST_ITEMS]


class Notice(Value):
    """A notice.

    Attributes:
        kind: None for a kind of a newer version, whose text is still shown.
        text: one sentence for an artist, with its full stop.
        items: the names that the sentence is about, such as those of objects or files; the first 100.
    """

    kind: Annotated[NoticeKind | None, known(NoticeKind)]
    text: str
    items: Annotated[tuple[str, ...], AfterValidator(_first)] = ()
