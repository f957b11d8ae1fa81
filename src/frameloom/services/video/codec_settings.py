"""What a film is encoded with. Pure: no encoder is touched here, so every choice can be read and tested.

A new codec is one more entry of `CODECS`; nothing else in this package names one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from av.video.format import VideoFormat

from frameloom.model.errors import EncodeFailed
from frameloom.model.settings import CONTAINERS, Container, FrameFormat, VideoCodec

# The longest that a player may have to look back for a picture that stands alone.
GOP_SECONDS = 2
CRF = 18
# Pixels of the largest pictures of which an encoder holds as many as it likes, and how many it may hold of larger ones,
# to see what comes: so many that it encodes 4K in less than 1 GB. See docs/decisions/0010 for what that costs.
LARGE = 2560 * 1440
LOOKAHEAD_4K = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoOptions:
    """A film: `fps` frames per second, `size` (width, height) in pixels of each image, which are in Blender's `format`.

    `pixel_aspect` is the ratio of a pixel's displayed width to its height.
    `quality` is the codec's constant rate factor, 0 to 51 (worst), None for one that can hardly be told from the
    frames; 0 is lossless with h264, none of av1's, and prores has no such factor. `alpha` says that images have it.
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
        """Return what the film's file is."""
        return CONTAINERS[self.codec]

    @property
    def crf(self) -> str:
        """Return the constant rate factor as libav takes it."""
        return str(CRF if self.quality is None else self.quality)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One way to encode: libav's encoder, what it takes, and its options for a film."""

    encoder: str
    pixel_format: Callable[[VideoOptions], str]
    # Width and height must be multiples of these: those of the pixel format's chroma samples.
    block: tuple[int, int]
    # Threads are part of the bits that come out, so the number is the codec's, never the machine's.
    threads: int
    options: Callable[[VideoOptions], dict[str, str]]
    # The name of the samples' kind in the file, where libav's own choice is not the one that every player takes.
    tag: str | None = None
    # Width and height that the encoder refuses to go below.
    smallest: tuple[int, int] = (2, 2)
    # How many pictures may be stored before one that is shown earlier, where the encoder's own decoding times cannot
    # be relied on.
    reorder: int | None = None


def _h264(options: VideoOptions) -> dict[str, str]:
    ahead = lookahead(options)
    # Each thread holds pictures too; two are as many as the function's processors.
    held = "" if ahead is None else f":rc-lookahead={ahead}:sync-lookahead=0:threads=2"
    return {
        "preset": "medium",
        "crf": options.crf,
        "g": str(gop_length(options)),
        "bf": "3",
        # open-gop=0: no picture refers to one before its segment's first.
        # stitchable=1: headers depend on the options alone, so that every segment's are the same.
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
        # open-gop=0: as above. frame-threads: part of the bits, so it is not the machine's to choose; each holds
        # frames. info=0: no text of the encoder's options in the film.
        "x265-params": f"open-gop=0:bframes=4:b-pyramid=1:frame-threads=2:info=0:log-level=none{held}",
    }


def _av1(options: VideoOptions) -> dict[str, str]:
    # SVT-AV1 closes its groups by itself, and its bits do not depend on its threads, each of which holds pictures.
    held = {} if lookahead(options) is None else {"svtav1-params": "lookahead=0:lp=1:hierarchical-levels=3:enable-tf=0"}
    return {"preset": "8", "crf": options.crf, "g": str(gop_length(options)), **held}


def _prores(options: VideoOptions) -> dict[str, str]:
    # apl0: as if it were Apple's own, since some programs take no other. Every picture stands alone.
    profile = {"profile": "4444", "alpha_bits": "16"} if options.alpha else {"profile": "hq"}
    return profile | {"vendor": "apl0"}


def _yuv420(_: VideoOptions) -> str:
    return "yuv420p"


def _ten_bits(options: VideoOptions) -> str:
    # More colour goes with alpha in ProRes: there is none that has alpha and half of the colour.
    return "yuva444p10le" if options.alpha else "yuv422p10le"


# Six threads: as many as the largest Lambda has processors. x265 and SVT-AV1 have a pool of their own.
# hvc1: with hev1, libav's choice, Apple's players show nothing.
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
    """Return the entry of `CODECS` that `options` name.

    Raises:
        EncodeFailed: there is no such codec.
    """
    try:
        return CODECS[options.codec]
    except KeyError:
        known = ", ".join(CODECS)
        raise EncodeFailed(problem=f"codec {options.codec!r} is not one of {known}") from None


def encoder_options(options: VideoOptions) -> dict[str, str]:
    """Return what the encoder is opened with.

    Raises:
        EncodeFailed: there is no such codec.
    """
    return codec_of(options).options(options)


def keeps_alpha(options: VideoOptions) -> bool:
    """Return whether the film is transparent where its images are.

    Raises:
        EncodeFailed: there is no such codec.
    """
    return any(component.is_alpha for component in VideoFormat(pixel_format(options)).components)


def pixel_format(options: VideoOptions) -> str:
    """Return libav's name of the pixels that the encoder is given.

    Raises:
        EncodeFailed: there is no such codec.
    """
    return codec_of(options).pixel_format(options)


def coded_size(options: VideoOptions) -> tuple[int, int]:
    """Return the film's size: the images', rounded up to what the codec takes.

    A film of odd images has one more column or row, a copy of its neighbour, and one of images below the codec's
    smallest as many as are lacking: cutting one off would lose
    pixels that somebody rendered, and scaling would blur all of them.

    Raises:
        EncodeFailed: there is no such codec.
    """
    (width, height), codec = options.size, codec_of(options)
    (across, down), (narrowest, lowest) = codec.block, codec.smallest
    return max(narrowest, -(-width // across) * across), max(lowest, -(-height // down) * down)


def gop_length(options: VideoOptions) -> int:
    """Return the most frames from one key frame to the next, at least one."""
    return max(1, round(GOP_SECONDS * options.fps))


def lookahead(options: VideoOptions) -> int | None:
    """Return how many pictures the encoder may hold to see what comes, None for as many as it likes."""
    pixels = options.size[0] * options.size[1]
    return None if pixels <= LARGE else max(1, LOOKAHEAD_4K * 3840 * 2160 // pixels)


def muxer_options(fps: Fraction) -> dict[str, str]:
    """Return what the muxer is opened with for `fps` frames per second.

    By default it counts the film's length in milliseconds, in which hardly a frame rate fits: the last
    frame ends too early. So both of its clocks tick a whole number of times a frame, 10,000 times a
    second or more.
    """
    ticks = fps.numerator
    scale = str(ticks * max(1, -(-10_000 // ticks)))
    return {"movie_timescale": scale, "video_track_timescale": scale}
