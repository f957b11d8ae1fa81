"""`python -m tests.chaos.numbering_worker`: the worker, with a Blender that paints each frame's number as a shade.

It starts a second sooner than a worker with bpy; all its other parts are the real worker's.
"""

import sys
from pathlib import Path

from benchmarks.instant_blender import SECONDS, InstantBlender, image
from worker import __main__ as worker
from worker.rendered_frame import RenderedFile, RenderedFrame


class NumberingBlender(InstantBlender):
    """Opens any scene, and writes another shade for each frame below 256."""

    def render(self, frame: int, *paths: Path, run: range | None = None) -> RenderedFrame:
        """Write the image of a frame."""
        del run
        for path in paths:
            path.write_bytes(image(frame))
        files = tuple(RenderedFile(path=path) for path in paths)
        return RenderedFrame(frame=frame, files=files, process="numbering", size=None, depth=8, seconds=SECONDS)


if __name__ == "__main__":
    setattr(worker, "Blender", NumberingBlender)  # noqa: B010  mypy allows no assignment to a class
    sys.exit(worker.main())
