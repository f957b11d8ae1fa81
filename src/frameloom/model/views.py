"""The views of a stereo scene, and the files in which Blender stores them.

As tried with Blender 4.5 and 5.0: individual views are files whose names end with each view's suffix, even if only one
view is rendered. Stereo 3D puts the left and the right view into one picture. Multi-View stores all views in one
OpenEXR; other formats cannot, so that each view gets a file of its own, as in Blender 5.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from frameloom.model.settings import EXTENSIONS, FrameFormat

# Blender's identifiers of `image_settings.views_format`.
ViewsFormat = Literal["INDIVIDUAL", "STEREO_3D", "MULTIVIEW"]
# The views of Blender's Stereo 3D; a scene of other views has the views format Multi-View.
STEREO_VIEWS = ("left", "right")
# Views of a scene with individual files. Each message of a chunk has the endings of their names.
MAX_VIEWS = 200
# Characters that no file name gets from a scene: Blender would take slashes for folders.
_NOT_IN_NAMES = re.compile(r"[/\\\x00-\x1f\x7f\N{REPLACEMENT CHARACTER}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view that is rendered, and the suffix of its files."""

    name: str
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The views of a scene with Stereoscopy.

    Attributes:
        rendered: the views that are not switched off, in Blender's order.
        format: how pictures hold them.
        display: Blender's identifier of the Stereo 3D mode, such as "SIDEBYSIDE".
        squeezed: whether a picture side by side or above each other has the size of one view.
        by_camera: whether each view has a camera of its own, which its suffix names, as Blender's Multi-View.
    """

    rendered: tuple[View, ...]
    format: ViewsFormat = "INDIVIDUAL"
    display: str = "ANAGLYPH"
    squeezed: bool = False
    by_camera: bool = False

    def format_for(self, file_format: FrameFormat) -> ViewsFormat:
        """Return how pictures of a format hold the views."""
        return "INDIVIDUAL" if self.format == "MULTIVIEW" and file_format != "OPEN_EXR" else self.format

    def endings(self, file_format: FrameFormat) -> tuple[str, ...] | None:
        """Return the endings of the names of a frame's files; None for one file without a suffix."""
        if self.format_for(file_format) != "INDIVIDUAL" or not self.rendered:
            return None
        return tuple(f"{view_suffix(view.suffix)}.{EXTENSIONS[file_format]}" for view in self.rendered)

    def alike(self) -> tuple[View, View] | None:
        """Return two views whose files would have the same name, None if all differ."""
        first: dict[str, View] = {}
        for view in self.rendered:
            if (other := first.setdefault(view_suffix(view.suffix), view)) is not view:
                return other, view
        return None

    def enlarged(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size of a picture, given that of a view."""
        width, height = size
        if self.format != "STEREO_3D" or self.squeezed or not self.rendered:
            return size
        return {"SIDEBYSIDE": (2 * width, height), "TOPBOTTOM": (width, 2 * height)}.get(self.display, size)

    def describe(self, file_format: FrameFormat) -> str:
        """Return a short description for people."""
        names = ", ".join(view.name for view in self.rendered) or "none"
        kind = {"INDIVIDUAL": "individual files", "MULTIVIEW": "one OpenEXR"}.get(self.format_for(file_format))
        if kind is None:
            kind = self.display.lower() + (" squeezed" if self.squeezed else "")
        return f"views {names} ({kind})"


def view_suffix(suffix: str) -> str:
    """Return the part of a file's name for a view's suffix."""
    return _NOT_IN_NAMES.sub("_", suffix)


def rendered_views(views: Iterable[tuple[str, str, bool]], *, stereo: bool) -> tuple[View, ...]:
    """Return the views that Blender renders.

    Args:
        views: the name and the suffix of each view of the scene, and whether it is on.
        stereo: whether the scene's views format is Stereo 3D, which renders no other view than left and right.
    """
    return tuple(
        View(name=name, suffix=suffix) for name, suffix, on in views if on and (not stereo or name in STEREO_VIEWS)
    )
