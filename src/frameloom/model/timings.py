"""The measured times of a scene, from which PlanChunks sizes chunks."""

from frameloom.model.base import Value


class Timings(Value):
    """Measured times in seconds.

    Attributes:
        start: the start of Blender and the loading of the scene.
        frames: the times of some frames, in order, keyed by frame number.
    """

    start: float
    frames: dict[str, float]
