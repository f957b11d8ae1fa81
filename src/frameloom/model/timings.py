"""How long a scene takes: what chunks are sized by."""

from frameloom.model.base import Value


class Timings(Value):
    """Seconds that were measured: of Blender's start with the scene's load, and of some of the frames, in order."""

    start: float
    frames: dict[str, float]
