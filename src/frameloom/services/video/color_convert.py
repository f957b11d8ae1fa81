"""Converts rendered images to the pictures that the encoder takes.

A film has limited-range BT.709. The values of a PNG or JPEG are used as BT.709 values unchanged, whatever curve the
file names, and those of an OpenEXR after sRGB's curve. So a player shows the same colours as Blender.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import PictureType, VideoFrame

from frameloom.model.errors import FrameInvalid
from frameloom.model.settings import FrameFormat
from frameloom.services.images.integrity import check_image
from frameloom.services.video.codec_settings import VideoOptions, coded_size, keeps_alpha, pixel_format
from frameloom.services.video.decoder import PixelsInvalidError
from frameloom.services.video.exr_view import CURVE, check_alpha, decode_exr
from frameloom.services.video.jpeg import decode_jpeg
from frameloom.services.video.png import decode_png

if TYPE_CHECKING:
    from av.filter.context import FilterContext

# Rounded instead of truncated, from every pixel; bitexact: the same on every processor.
SCALER = "flags=bicubic+accurate_rnd+full_chroma_inp+bitexact"
# In 16 bits, libav's scaler uses 65,280 for white: 256 times 255.
WHITE = 65_280 / 65_535
# Formats with straight alpha. The formats of linear light are premultiplied: without alpha, they are over black.
WITH_ALPHA = {"rgba", "rgba64be", "ya8", "ya16be", "pal8"}
LIGHT = {"gbrapf16le", "gbrapf32le", "gbrpf16le", "gbrpf32le", "grayf16le", "grayf32le"}
DECODERS: Mapping[FrameFormat, Callable[[bytes], VideoFrame]] = MappingProxyType(
    {"PNG": decode_png, "OPEN_EXR": decode_exr, "JPEG": decode_jpeg}
)


class Pictures:
    """Turns images of one format and size into pictures of a film."""

    def __init__(self, options: VideoOptions) -> None:
        self._options = options
        self._graphs: dict[str, Graph] = {}

    def picture(self, frame: int, data: bytes) -> VideoFrame:
        """Return an image as a picture without a time stamp.

        Odd sizes are made even. Unless the film has alpha, transparency is over black.

        Raises:
            FrameInvalid: the image is incomplete, or not of the film's format and size.
        """
        check_image(data, format=self._options.format, frame=frame, size=self._options.size)
        try:
            image = DECODERS[self._options.format](data)
            if keeps_alpha(self._options):
                check_alpha(data, image)
        except PixelsInvalidError as error:
            raise FrameInvalid(frame=frame, problem=str(error)) from error
        if (image.width, image.height) != self._options.size:
            raise FrameInvalid(frame=frame, problem=f"it has pixels for {image.width} x {image.height} only")
        graph = self._graph(image.format.name)
        graph.vpush(image)
        picture = graph.vpull()
        # An image decodes to an I picture, from which the encoder would make a key frame.
        picture.pict_type = PictureType.NONE
        return picture

    def _graph(self, pixels: str) -> Graph:
        if pixels not in self._graphs:
            self._graphs[pixels] = _conversion(pixels, self._options)
        return self._graphs[pixels]


def _conversion(pixels: str, options: VideoOptions) -> Graph:
    """Return the filters that turn an image with `pixels` (libav's name) into a picture of the film."""
    (width, height), (across, down) = options.size, coded_size(options)
    alpha, deep = pixels in WITH_ALPHA, any(channel.bits > 8 for channel in VideoFormat(pixels).components)
    light = pixels in LIGHT
    # JPEG uses BT.601.
    space = "bt470bg" if pixels.startswith("yuv") else "gbr"
    source = f"video_size={width}x{height}:pix_fmt={pixels}:time_base=1/1:colorspace={space}:range=pc"
    filters = [("buffer", f"{source}:alpha_mode={'premultiplied' if light else 'straight'}")]
    if pixels.startswith("grayf"):
        # libav's scaler treats grey floats as limited range, whatever its options.
        filters.append(("mergeplanes", f"format={pixels.replace('gray', 'gbrp')}"))
    # Planar RGB at full range in between, since all of these filters take it; in 16 bits if alpha is kept, since libav
    # converts 255 of 8 bits to 1,020 of 10.
    kept = keeps_alpha(options)
    filters += [("scale", SCALER), ("format", f"gbr{'a' if alpha or kept else ''}p{'16le' if deep or kept else ''}")]
    if alpha and not kept:
        filters.append(("premultiply", "inplace=1"))
    if light and kept:
        filters.append(("unpremultiply", "inplace=1"))
    if light:
        filters.append(("lutrgb", ":".join(f"{colour}='{CURVE}'" for colour in "rgb")))
    if deep:
        # Without this, white would be 236 in a film instead of 235.
        filters.append(("colorlevels", ":".join(f"{colour}omax={WHITE}" for colour in "rgb")))
    if (across, down) != (width, height):
        filters.append(("pad", f"{across}:{down}"))
        filters.append(("fillborders", f"right={across - width}:bottom={down - height}:mode=smear"))
    filters.append(("scale", f"out_color_matrix=bt709:out_range=tv:{SCALER}"))
    filters.append(("format", pixel_format(options)))
    graph = Graph()
    nodes: list[FilterContext] = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph
