"""Decides which file Blender opens for a path in a scene: the path's own, a fetched file, or none."""

import os
import secrets
from pathlib import Path

import bpy

from frameloom.model.assets import absolute_steps, is_relative

# A folder in the scene's folder that does not exist. Its name is random, so that no scene can bring a file there.
NOWHERE = f".outside-{secrets.token_hex(8)}"
# FILE_MAX of BLI_path_utils.hh, in bytes.
_LONGEST_PATH = 1024
# FFmpeg opens these as films, and the files that they name, wherever those are. Blender has no such formats.
_PLAYLISTS = (".m3u8", ".m3u", ".hls")


class SceneFolder:
    """The folder with the files that were fetched for a scene; absolute paths in the scene lead into it."""

    def __init__(self, root: Path, absolute: Path | None, *, trusted: bool) -> None:
        self.root = root.resolve()
        self.absolute = None if absolute is None else absolute.resolve()
        self.trusted = trusted
        self.replaced: dict[str, str] = {}

    def instead(self, path: str, library: bpy.types.Library | None, *, must_exist: bool = True) -> str | None:
        """Return the path to open in place of a path; None for the path itself.

        An absolute path leads to the file that was fetched for it. Any other path out of the folder leads nowhere,
        unless the scene is trusted.

        Args:
            must_exist: whether an absolute path counts only if its folder was fetched.
        """
        if (mapped := self.mapped(path, must_exist=must_exist)) is not None:
            return mapped
        return None if self.trusted or self.holds(path, library) else self.nowhere(path)

    def make_home(self, path: str, library: bpy.types.Library | None) -> None:
        """Make the folder of a packed library's path: without it, `..` in the paths of its files leads nowhere."""
        if self.holds(path, library):
            Path(bpy.path.abspath(path, library=library)).parent.mkdir(parents=True, exist_ok=True)

    def mapped(self, path: str, *, must_exist: bool = True) -> str | None:
        """Return where the files of an absolute path are on this machine; None for another path."""
        if self.absolute is None or is_relative(path) or (steps := absolute_steps(path)) is None:
            return None
        try:
            place = (self.absolute / steps).resolve()
            # A trusted script may have made files at the path itself.
            there = not must_exist or place.exists() or place.parent.is_dir()
            there = there and place.is_relative_to(self.absolute)
        except (OSError, RuntimeError, ValueError):
            return None
        if not there or str(place).lower().endswith(_PLAYLISTS) or len(os.fsencode(place)) >= _LONGEST_PATH:
            return None
        self.replaced[str(place)] = path
        return str(place)

    def holds(self, path: str, library: bpy.types.Library | None) -> bool:
        """Return whether Blender opens a path in this folder, after all symlinks in it are resolved."""
        if not path:
            return True
        try:
            absolute = bpy.path.abspath(path, library=library)
            if len(os.fsencode(absolute)) >= _LONGEST_PATH or absolute.lower().endswith(_PLAYLISTS):
                return False
            # Blender turns backslashes into slashes.
            return all(
                Path(each).resolve().is_relative_to(self.root) for each in (absolute, absolute.replace("\\", "/"))
            )
        except (OSError, RuntimeError, ValueError):
            return False

    def nowhere(self, path: str) -> str:
        """Return a path with the same name in the folder at which no file exists."""
        instead = str(self.root / NOWHERE / (os.path.basename(path.replace("\\", "/")) or "folder"))  # noqa: PTH119
        self.replaced[instead] = path
        return instead
