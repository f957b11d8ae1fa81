"""The view layers of a scene, with their passes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewLayer:
    """A view layer.

    Attributes:
        rendered: whether Use for Rendering is on.
        passes: the names of its passes in Blender's interface, then those of its shader AOVs and light groups. The
            passes that only Cycles or only EEVEE has, such as Volume and denoising data, are left out.
    """

    name: str
    rendered: bool = True
    passes: tuple[str, ...] = ()
