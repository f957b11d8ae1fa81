"""Images for films, and the contents of films; with Pillow and libav, without numpy."""

import io
import math
import struct
import zlib
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

from frameloom.services.video import VideoOptions, join_segments

NUMBER_BITS = 10


def film(size: tuple[int, int], fps: Fraction | int = 24, **others: object) -> VideoOptions:
    return VideoOptions(size=size, fps=Fraction(fps), **others)  # type: ignore[arg-type]


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def plain(size: tuple[int, int], colour: object, mode: str = "RGB") -> bytes:
    return png(Image.new(mode, size, colour))  # type: ignore[arg-type]


def numbered(number: int) -> Image.Image:
    """Return an image of a number for `read_number`: a bright block for each bit that is set."""
    image = Image.new("RGB", (16 * NUMBER_BITS, 48), (30, 40, 60))
    draw = ImageDraw.Draw(image)
    for bit in range(NUMBER_BITS):
        if number >> bit & 1:
            draw.rectangle((16 * bit, 0, 16 * bit + 15, 47), fill=(220, 200, 180))
    return image


def read_number(image: Image.Image) -> int:
    grey = image.convert("L")
    levels = [grey.getpixel((16 * bit + 8, 24)) for bit in range(NUMBER_BITS)]
    return sum(1 << bit for bit, level in enumerate(levels) if isinstance(level, int) and level > 120)


def textured(number: int, size: tuple[int, int] = (160, 96)) -> Image.Image:
    """Return an image of soft structures in all colours, which move by two pixels per frame."""
    waves = Image.effect_mandelbrot((size[0] * 2, size[1]), (-2.2, -1.2, 1.2, 1.2), 90)
    red = ImageChops.offset(waves, 2 * number, 0).crop((0, 0, *size))
    green = Image.linear_gradient("L").resize(size)
    # Soft, since halved chroma blurs an edge of colour.
    return Image.merge("RGB", (red, green, ImageChops.invert(red))).filter(ImageFilter.GaussianBlur(1.5))


def noisy(size: tuple[int, int]) -> Image.Image:
    """Return an image that hardly compresses."""
    return Image.merge("RGB", [Image.effect_noise(size, 90) for _ in "RGB"])


def numbered_frames(first: int, count: int) -> list[tuple[int, bytes]]:
    return [(number, png(numbered(number))) for number in range(first, first + count)]


def join(segments: list[Path], out: Path, options: VideoOptions, *, frames: int) -> None:
    """Join the segments at these paths into a film at `out`."""
    with ExitStack() as files, out.open("wb") as film:
        opened = [(path.name, files.enter_context(path.open("rb"))) for path in segments]
        join_segments(opened, film, options.fps, frames=frames, kind=options.container)


def pictures(path: Path) -> list[VideoFrame]:
    with av.open(path) as container:
        return list(container.decode(video=0))


def images(path: Path) -> list[Image.Image]:
    """Return the film's pictures as a player shows them that assumes limited-range BT.709."""
    return [
        _image(picture.reformat(format="rgb24", src_colorspace="ITU709", src_color_range="MPEG"))
        for picture in pictures(path)
    ]


def _image(picture: VideoFrame) -> Image.Image:
    pixels = picture.planes[0]
    return Image.frombytes("RGB", (picture.width, picture.height), bytes(pixels), "raw", "RGB", pixels.line_size)


def times(path: Path) -> list[Fraction]:
    """Return the exact display time of each picture, in seconds."""
    return [(picture.pts or 0) * (picture.time_base or Fraction(0)) for picture in pictures(path)]


def planes(picture: VideoFrame) -> list[bytes]:
    """Return the pixels of each plane, without libav's padding."""
    sample_bytes = -(-picture.format.components[0].bits // 8)
    return [
        b"".join(
            bytes(memoryview(plane)[row * plane.line_size :][: plane.width * sample_bytes])
            for row in range(plane.height)
        )
        for plane in picture.planes
    ]


def sample(picture: VideoFrame, *, plane: int, x: int, y: int) -> int:
    """Return a value of a picture with more than eight bits per value."""
    pixels = picture.planes[plane]
    return int.from_bytes(memoryview(pixels)[y * pixels.line_size + 2 * x :][:2], "little")


def psnr(one: Image.Image, other: Image.Image) -> float:
    """Return the peak signal-to-noise ratio in decibels, infinite for equal images."""
    bands = ImageStat.Stat(ImageChops.difference(one, other)).rms
    power = sum(band * band for band in bands) / len(bands)
    return 10 * math.log10(255 * 255 / power) if power else math.inf


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(
    size: tuple[int, int], depth: int, colour: int, pixels: bytes, *, extra: bytes = b"", interlaced: bool = False
) -> bytes:
    """Return a PNG that Pillow cannot write; `pixels` are its rows before compression."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def rows(size: tuple[int, int], pixel: bytes) -> bytes:
    """Return the rows of a flat image, each after the byte of its filter."""
    return (b"\0" + pixel * size[0]) * size[1]
