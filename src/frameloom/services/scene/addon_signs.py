"""Signs of add-ons in a .blend file, which has no list of those that it was made with.

Knowable are the engine (`SceneEntry.engine`) and the types of node groups. A material's nodes of unknown types look
like Blender's own of other versions, and an add-on's properties look like those of any script.
"""

from typing import TYPE_CHECKING

from frameloom.model.counts import listed
from frameloom.model.notices import Notice, NoticeKind
from frameloom.services.scene.block_text import decode

if TYPE_CHECKING:
    from blender_asset_tracer.blendfile import BlendFile

# Blender's own types, and the empty type of files before 2.67.
_OWN = frozenset(
    {"ShaderNodeTree", "CompositorNodeTree", "TextureNodeTree", "GeometryNodeTree", "NodeTreeUndefined", ""}
)


def find_tree_types(blend: "BlendFile") -> tuple[str, ...]:
    """Return the types of node groups that Blender lacks, such as those of Sverchok."""
    groups = blend.find_blocks_from_code(b"NT")
    types = (decode(group.get(b"idname", default=b"")) for group in groups)
    return tuple(dict.fromkeys(name for name in types if name not in _OWN))


def addon_notices(types: tuple[str, ...], *, file: str) -> tuple[Notice, ...]:
    """Return the notice about node groups of add-ons."""
    if not types:
        return ()
    text = (
        f"{file!r} has node groups of an add-on, of the types {listed(types)}: workers render without the add-on, "
        "unless the job has it (`--addon`)."
    )
    return (Notice(kind=NoticeKind.ADDONS, text=text, items=types),)
