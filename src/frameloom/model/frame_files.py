"""The files of a frame: one for most scenes, one for each view of a stereo scene."""

from collections.abc import Iterable
from dataclasses import dataclass

from frameloom.model.settings import EXTENSIONS, FrameFormat

_FORMATS: dict[str, FrameFormat] = {extension: name for name, extension in EXTENSIONS.items()}


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """The files of each frame of a render: a file's name is the frame's number and one of the endings.

    Attributes:
        endings: such as `.png`, or `_L.png` and `_R.png`; the film shows the first. All are different.
    """

    endings: tuple[str, ...]

    @classmethod
    def of(cls, file_format: FrameFormat, endings: Iterable[str] | None = None) -> "FrameFiles":
        """Return the files with these endings, by default the one file of a frame in a format."""
        return cls(tuple(endings or ()) or (f".{EXTENSIONS[file_format]}",))

    def names(self, frame: int) -> tuple[str, ...]:
        """Return the names of a frame's files: its number in six digits, its sign if it is negative, the ending."""
        return tuple(f"{frame:06d}{ending}" for ending in self.endings)

    def keys(self, prefix: str, frame: int) -> tuple[str, ...]:
        """Return the keys of a frame's files in the frames bucket."""
        return tuple(prefix + name for name in self.names(frame))

    def complete(self, prefix: str, frames: Iterable[int], there: Iterable[str]) -> list[int]:
        """Return the frames all of whose files are among the keys `there`, in order.

        Keys are compared, since a folder below `prefix` may have files of another scene with the same names.
        """
        found = there if isinstance(there, set | frozenset) else frozenset(there)
        return [frame for frame in frames if found.issuperset(self.keys(prefix, frame))]


def format_of(name: str) -> FrameFormat:
    """Return the format of a frame's file, by its name."""
    return _FORMATS[name.rpartition(".")[2]]
