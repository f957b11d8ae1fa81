"""The manifest of a job: PrepareJob writes it, and every later state reads it."""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from frameloom.model import keys
from frameloom.model.assets import AssetsRef
from frameloom.model.base import Value
from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import FrameRange
from frameloom.model.notices import Notice
from frameloom.model.settings import RenderSettings, VideoSettings
from frameloom.model.simulations import Order


class SceneRef(Value):
    """One version of a scene in S3.

    Attributes:
        digest: the SHA-256 of its bytes.
        assets: the list of the files that it renders with, None for a scene without assets.
        absolute_root: the folder of the bucket for the assets with absolute paths; None without such assets.
        missing_assets: "render" if the scene renders without its missing files, or names and patterns of the files
            that may be missing.
        order: the order of the frames, None if chunks may be rendered in any order.
    """

    bucket: str
    key: str
    version: str | None = None
    digest: str
    assets: AssetsRef | None = None
    absolute_root: str | None = None
    missing_assets: Literal["render"] | tuple[str, ...] | None = None
    order: Order | None = None


class OutputRef(Value):
    """The folder of a job's frames in S3.

    Attributes:
        endings: the endings of the names of each frame's files, such as `_L.png` and `_R.png`; None for one file.
    """

    bucket: str
    prefix: str
    endings: tuple[Annotated[str, Field(pattern=r"^[^/\\]+$")], ...] | None = None


class Limits(Value):
    """The limits of a job: workers at the same time, and timeouts in seconds (see docs/protocol.md, the two clocks)."""

    max_workers: int
    queue_timeout: int
    chunk_timeout: int
    # Manifests of earlier versions lack this field.
    frame_timeout: int = 14_400


class Job(Value):
    """The manifest of a job, written once."""

    job_id: str
    started: str
    scene: SceneRef
    frames: str
    fps: str
    # The ratio of a pixel's width to its height, as a fraction; None for square pixels. An earlier command line, or a
    # stack that was rolled back, refuses unknown fields, so new fields are left out where they have their default.
    pixel_aspect: str | None = None
    settings: RenderSettings
    outputs: OutputRef
    output: Literal["frames", "video", "both"]
    on_missing: Literal["fail", "stitch"]
    video: VideoSettings
    # The film's name beside the scene, None for the scene's name.
    film: str | None = None
    chunk_size: int | None = None
    limits: Limits
    # None for no notices, so that the field is left out.
    notices: tuple[Notice, ...] | None = None

    def frame_range(self) -> FrameRange:
        """Return the job's frames, in order."""
        return FrameRange.parse(self.frames)

    def film_identity(self, frames: FrameRange) -> str:
        """Return the identity of this job's film of `frames`, or of the frames alone if it makes no film."""
        render = keys.render_key_of(self.outputs.prefix)
        return keys.film_identity(
            scene=self.scene.key,
            render=render,
            frames=str(frames),
            fps=self.fps,
            video=self.video if self.makes_film else None,
        )

    def rate(self) -> Fraction:
        """Return frames per second."""
        return Fraction(self.fps)

    def pixel_ratio(self) -> Fraction:
        """Return the ratio of a pixel's width to its height."""
        return Fraction(self.pixel_aspect or 1)

    @property
    def files(self) -> FrameFiles:
        """The files of each frame."""
        return FrameFiles.of(self.settings.format, self.outputs.endings)

    def frame_key(self, frame: int) -> str:
        """Return the key of a frame's first file, which the film shows, in the frames bucket."""
        return self.files.keys(self.outputs.prefix, frame)[0]

    @property
    def renders_frames(self) -> bool:
        """Whether the job renders missing frames, or only makes a film of existing frames."""
        return self.output != "video"

    @property
    def makes_film(self) -> bool:
        """Whether the job makes a film of its frames."""
        return self.output != "frames"


class Segment(Value):
    """The part of a film that one encoder encodes: `count` of the job's existing frames, from index `first`."""

    segment: int
    first: int
    count: int
