"""A frame on the worker's disk."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFile:
    """One of the files of a frame that Blender wrote.

    Attributes:
        flat: the one colour of all pixels, None if they differ; None for an OpenEXR, which Uploads checks.
        problem: why it must not be stored (worker.blender_process.frame_check); None for an OpenEXR as well.
    """

    path: Path
    flat: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedFrame:
    """A frame that Blender wrote.

    Attributes:
        files: its files, in the order of `frameloom.model.frame_files`.
        process: an id of the process that rendered it, unique among all workers.
        size: in pixels, None if only Blender knows it.
        depth: the bits per channel that it should have.
        seconds: wall time.
    """

    frame: int
    files: tuple[RenderedFile, ...]
    process: str
    size: tuple[int, int] | None
    depth: int
    seconds: float
