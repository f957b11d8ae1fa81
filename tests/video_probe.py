"""The contents of a video file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from frameloom.model.errors import EncodeFailed
from frameloom.services.video.av_io import is_whole, url, video_in
from frameloom.services.video.refusals import refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """An mp4 or mov: `frames` that decode, `size` (width, height) in pixels, `duration` in seconds.

    `pixel_aspect` is the ratio of a pixel's displayed width to its height.
    """

    frames: int
    fps: Fraction
    size: tuple[int, int]
    duration: Fraction
    codec: str
    pix_fmt: str
    pixel_aspect: Fraction = Fraction(1)


def probe(path: Path) -> VideoFacts:
    """Decode the whole video and return its facts.

    Raises:
        EncodeFailed: it is not an mp4 or mov with a video, or a frame does not decode.
    """
    with _opened(path) as (container, stream):
        rate, clock, pixels = stream.average_rate, stream.time_base, stream.pix_fmt
        if rate is None or clock is None or pixels is None:
            raise EncodeFailed(problem=f"{path.name}: its video has no frame in it")
        return VideoFacts(
            frames=sum(1 for _ in container.decode(stream)),
            fps=rate,
            size=(stream.width, stream.height),
            duration=(stream.duration or 0) * clock,
            codec=stream.codec_context.name,
            pix_fmt=pixels,
            pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        )


def count_packets(path: Path) -> int:
    """Return the number of complete frames in the video, without decoding one.

    Raises:
        EncodeFailed: it is not an mp4 or mov with a video.
    """
    with _opened(path) as (container, stream):
        return sum(1 for packet in container.demux(stream) if is_whole(packet))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    with refusals(path.name), av.open(url(path), format="mp4") as container:
        yield container, video_in(container, path.name)
