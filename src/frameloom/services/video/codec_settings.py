"""The settings of a film's encoder and muxer. Pure: nothing is encoded here, so every choice can be tested.

A new codec is one more entry of `CODECS`; no other module of this package names a codec.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from av.video.format import VideoFormat

from frameloom.model.errors import EncodeFailed
from frameloom.model.settings import CONTAINERS, Container, FrameFormat, VideoCodec

# The longest time from a key frame to the next: a player seeks to a key frame.
GOP_SECONDS = 2
CRF = 18
# Up to so many pixels, an encoder chooses its lookahead. For larger pictures the lookahead is limited, so that 4K is
# encoded in less than 1 GB. docs/decisions/0010 has the cost.
LARGE = 2560 * 1440
LOOKAHEAD_4K = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOptions:
    """A film: `fps` frames per second, `size` (width, height) in pixels of each image, which are in Blender's `format`.

    `pixel_aspect` is the ratio of a pixel's displayed width to its height.
    `quality` is the codec's constant rate factor, from 0 to 51 (worst); None for a film that looks like the frames. 0
    is lossless with h264 and invalid with av1; prores ignores it. `alpha` is whether the images have alpha.
    """

    codec: VideoCodec = "h264"
    quality: int | None = None
    fps: Fraction
    size: tuple[int, int]
    format: FrameFormat = "PNG"
    alpha: bool = False
    pixel_aspect: Fraction = Fraction(1)

    @property
    def container(self) -> Container:
        """The file format of the film."""
        return CONTAINERS[self.codec]

    @property
    def crf(self) -> str:
        """The constant rate factor for libav."""
        return str(CRF if self.quality is None else self.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """An encoder of libav, its limits, and its options for a film."""

    encoder: str
    pixel_format: Callable[[VideoOptions], str]
    # Width and height must be multiples of these, the size of the pixel format's chroma samples.
    block: tuple[int, int]
    # The output depends on the number of threads, so the number does not depend on the machine.
    threads: int
    options: Callable[[VideoOptions], dict[str, str]]
    # The codec's tag in the file, if some players do not accept libav's choice.
    tag: str | None = None
    # The least width and height that the encoder accepts.
    smallest: tuple[int, int] = (2, 2)
    # The most pictures that are stored before a picture that is shown earlier, if the encoder's decoding times are
    # unreliable.
    reorder: int | None = None


def _h264(options: VideoOptions) -> dict[str, str]:
    ahead = lookahead(options)
    # Each thread holds pictures too. Two threads are enough for the processors of the function.
    held = "" if ahead is None else f":rc-lookahead={ahead}:sync-lookahead=0:threads=2"
    return {
        "preset": "medium",
        "crf": options.crf,
        "g": str(gop_length(options)),
        "bf": "3",
        # open-gop=0: no picture refers to a picture before its segment.
        # stitchable=1: headers depend on the options alone, so all segments have the same headers.
        # cpu-independent=1: the same bits on every processor.
        "x264-params": f"open-gop=0:stitchable=1:cpu-independent=1{held}",
    }


def _h265(options: VideoOptions) -> dict[str, str]:
    # x265 takes 33 MiB for each 4K picture that it holds.
    held = "" if lookahead(options) is None else ":rc-lookahead=2:bframes=1:ref=2:frame-threads=1"
    return {
        "preset": "medium",
        "crf": options.crf,
        "g": str(gop_length(options)),
        # open-gop=0: as above. frame-threads: the output depends on it, and each thread holds frames. info=0: the film
        # does not contain the encoder's options as text.
        "x265-params": f"open-gop=0:bframes=4:b-pyramid=1:frame-threads=2:info=0:log-level=none{held}",
    }


def _av1(options: VideoOptions) -> dict[str, str]:
    # SVT-AV1 closes its groups, and its output does not depend on the threads. Each thread holds pictures.
    held = {} if lookahead(options) is None else {"svtav1-params": "lookahead=0:lp=1:hierarchical-levels=3:enable-tf=0"}
    return {"preset": "8", "crf": options.crf, "g": str(gop_length(options)), **held}


def _prores(options: VideoOptions) -> dict[str, str]:
    # apl0: Apple's own vendor code, since some programs accept no other. Every picture is a key frame.
    profile = {"profile": "4444", "alpha_bits": "16"} if options.alpha else {"profile": "hq"}
    return profile | {"vendor": "apl0"}


def _yuv420(_: VideoOptions) -> str:
    return "yuv420p"


def _ten_bits(options: VideoOptions) -> str:
    # ProRes has alpha only with full chroma.
    return "yuva444p10le" if options.alpha else "yuv422p10le"


# Six threads: the largest Lambda has six processors. x265 and SVT-AV1 have their own thread pools.
# hvc1: Apple's players do not show films with hev1, libav's choice.
CODECS: Mapping[str, Codec] = MappingProxyType(
    {
        "h264": Codec(encoder="libx264", pixel_format=_yuv420, block=(2, 2), threads=6, options=_h264),
        "h265": Codec(
            encoder="libx265",
            pixel_format=_yuv420,
            block=(2, 2),
            threads=1,
            options=_h265,
            tag="hvc1",
            smallest=(16, 16),
            # A pyramid of B pictures is two deep. x265's times are arbitrary in segments shorter than that.
            reorder=2,
        ),
        "av1": Codec(
            encoder="libsvtav1", pixel_format=_yuv420, block=(2, 2), threads=1, options=_av1, smallest=(16, 16)
        ),
        "prores": Codec(encoder="prores_ks", pixel_format=_ten_bits, block=(2, 2), threads=6, options=_prores),
    }
)


def codec_of(options: VideoOptions) -> Codec:
    """Return the codec of these options.

    Raises:
        EncodeFailed: the codec is unknown.
    """
    try:
        return CODECS[options.codec]
    except KeyError:
        known = ", ".join(CODECS)
        raise EncodeFailed(problem=f"codec {options.codec!r} is not one of {known}") from None


def encoder_options(options: VideoOptions) -> dict[str, str]:
    """Return libav's options for the encoder.

    Raises:
        EncodeFailed: the codec is unknown.
    """
    return codec_of(options).options(options)


def keeps_alpha(options: VideoOptions) -> bool:
    """Return whether the film has alpha.

    Raises:
        EncodeFailed: the codec is unknown.
    """
    return any(component.is_alpha for component in VideoFormat(pixel_format(options)).components)


def pixel_format(options: VideoOptions) -> str:
    """Return libav's name of the encoder's pixel format.

    Raises:
        EncodeFailed: the codec is unknown.
    """
    return codec_of(options).pixel_format(options)


def coded_size(options: VideoOptions) -> tuple[int, int]:
    """Return the film's size: the images' size, rounded up to a size that the codec accepts.

    Copies of the last column and row fill the difference: cropping would lose rendered pixels, and scaling would blur
    all of them.

    Raises:
        EncodeFailed: the codec is unknown.
    """
    (width, height), codec = options.size, codec_of(options)
    (across, down), (narrowest, lowest) = codec.block, codec.smallest
    return max(narrowest, -(-width // across) * across), max(lowest, -(-height // down) * down)


def gop_length(options: VideoOptions) -> int:
    """Return the largest number of frames from one key frame to the next, at least 1."""
    return max(1, round(GOP_SECONDS * options.fps))


def lookahead(options: VideoOptions) -> int | None:
    """Return the limit of the encoder's lookahead in pictures; None without a limit."""
    pixels = options.size[0] * options.size[1]
    return None if pixels <= LARGE else max(1, LOOKAHEAD_4K * 3840 * 2160 // pixels)


def muxer_options(fps: Fraction) -> dict[str, str]:
    """Return libav's options for the muxer.

    By default the muxer counts the film's length in milliseconds, which few frame rates are multiples of, so the last
    frame ends too early. So both clocks have a whole number of ticks per frame, and at least 10,000 per second.
    """
    ticks = fps.numerator
    scale = str(ticks * max(1, -(-10_000 // ticks)))
    return {"movie_timescale": scale, "video_track_timescale": scale}
