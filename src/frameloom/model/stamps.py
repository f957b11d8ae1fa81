"""The metadata that Blender burns into frames, with the panel Burn Into Image of its output settings."""

from collections.abc import Collection, Iterator

from frameloom.model.counts import listed
from frameloom.model.notices import Notice, NoticeKind

# The parts of a stamp that depend on the machine that renders and on the time. Workers leave them out, since two chunks
# of a job would differ. The names are those of Blender's panel, by the names of its Python properties.
OF_MACHINE = {
    "use_stamp_date": "Date",
    "use_stamp_render_time": "Render Time",
    "use_stamp_memory": "Memory",
    "use_stamp_hostname": "Hostname",
}
# Blender shows the file's path, and the worker has another folder than the artist. Workers show the name alone.
FILENAME = "Filename"


def stamp_notices(burnt: Collection[str], *, scene: str, file: str) -> Iterator[Notice]:
    """Yield the notice about a scene whose frames show other metadata than in the artist's Blender.

    Args:
        burnt: the parts of its stamp, as `SceneEntry.stamp` has them.
        file: the name of the scene's file, without its folder.
    """
    left_out = [part for part in OF_MACHINE.values() if part in burnt]
    changes = [f"leaves out {listed(left_out)}, which would differ between workers"] if left_out else []
    changes += [f"shows {file!r} without its folder as {FILENAME}"] if FILENAME in burnt else []
    if changes:
        text = f"The metadata that scene {scene!r} burns into its frames {', and '.join(changes)}."
        yield Notice(kind=NoticeKind.STAMP, text=text, items=tuple(burnt))
