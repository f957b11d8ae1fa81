"""A job once it is settled: what PrepareJob writes and every later state reads."""

from fractions import Fraction
from typing import Literal

from frameloom.model import keys
from frameloom.model.assets import AssetsRef
from frameloom.model.base import Value
from frameloom.model.frames import FrameRange
from frameloom.model.settings import RenderSettings, VideoSettings


class SceneRef(Value):
    """One version of a scene in S3; `digest` is the SHA-256 of its bytes, `assets` lists the files it renders with.

    Where `missing_assets` says so, it renders without those that are not there.
    """

    bucket: str
    key: str
    version: str | None = None
    digest: str
    assets: AssetsRef | None = None
    missing_assets: Literal["render"] | None = None


class OutputRef(Value):
    """The folder in S3 that a job's frames go to."""

    bucket: str
    prefix: str


class Limits(Value):
    """What bounds a job: workers at once, and seconds (see docs/protocol.md on the two clocks)."""

    max_workers: int
    queue_timeout: int
    chunk_timeout: int
    # A job settled by an earlier version has none.
    frame_timeout: int = 14_400


class Job(Value):
    """A job's manifest: written once, by PrepareJob."""

    job_id: str
    started: str
    scene: SceneRef
    frames: str
    fps: str
    # How wide a pixel is for its height, as a fraction; None for square ones. A field of a later version is left out
    # where it is not needed: an earlier command line, or a stack that was rolled back, refuses fields it does not know.
    pixel_aspect: str | None = None
    settings: RenderSettings
    outputs: OutputRef
    output: Literal["frames", "video", "both"]
    on_missing: Literal["fail", "stitch"]
    video: VideoSettings
    # The film's name beside the scene, if it is not the scene's.
    film: str | None = None
    chunk_size: int | None = None
    limits: Limits

    def frame_range(self) -> FrameRange:
        """Return the job's frames, in order."""
        return FrameRange.parse(self.frames)

    def film_identity(self, frames: FrameRange) -> str:
        """Return the identity of this job's film of `frames`, or of the frames alone if it makes no film."""
        render = keys.render_of(self.outputs.prefix)
        return keys.film_identity(
            scene=self.scene.key,
            render=render,
            frames=str(frames),
            fps=self.fps,
            video=self.video if self.films else None,
        )

    def rate(self) -> Fraction:
        """Return frames per second."""
        return Fraction(self.fps)

    def pixel(self) -> Fraction:
        """Return how wide a pixel is for its height."""
        return Fraction(self.pixel_aspect or 1)

    def frame_key(self, frame: int) -> str:
        """Return a frame's key in the frames bucket."""
        return keys.frame_key(self.outputs.prefix, frame, self.settings.format)

    @property
    def renders(self) -> bool:
        """Whether the job renders what is missing, or only makes a film of what is there."""
        return self.output != "video"

    @property
    def films(self) -> bool:
        """Whether the job ends with a film."""
        return self.output != "frames"


class Segment(Value):
    """A run of the job's present frames that one encoder takes: `count` of them from index `first`."""

    segment: int
    first: int
    count: int
