"""Images as they are rendered into pictures as the encoder takes them.

A film holds limited-range BT.709. The image's values are taken for BT.709's as they stand, whatever curve
its PNG names: what was seen in Blender is what a player shows.
"""

from typing import TYPE_CHECKING

import av
from av.filter import Graph
from av.video.frame import PictureType, VideoFrame

from frameloom.model.errors import FrameInvalid
from frameloom.model.images import check_png
from frameloom.services.video.files import reason
from frameloom.services.video.options import VideoOptions, coded_size, pixel_format
from frameloom.services.video.png import PixelsInvalidError, unpacked

if TYPE_CHECKING:
    from av.filter.context import FilterContext

# Rounded, not cut, from every pixel and not from every second; bitexact: alike on every processor.
SCALER = "flags=bicubic+accurate_rnd+full_chroma_inp+bitexact"
WITH_ALPHA = {"rgba", "rgba64be", "ya8", "ya16be", "pal8"}


class Pictures:
    """Turns PNG images of one size into pictures of a film."""

    def __init__(self, options: VideoOptions) -> None:
        self._options = options
        self._graphs: dict[str, Graph] = {}

    def picture(self, frame: int, png: bytes) -> VideoFrame:
        """Return the picture that `png` holds: transparency over black, odd sizes made even; no time stamp.

        Raises:
            FrameInvalid: naming `frame`; the image is not one whole PNG of the film's size.
        """
        check_png(png, frame=frame, size=self._options.size)
        try:
            image = _decode(unpacked(png))
        except (PixelsInvalidError, av.FFmpegError) as error:
            raise FrameInvalid(frame=frame, problem=reason(error)) from error
        graph = self._graph(image.format.name)
        graph.vpush(image)
        picture = graph.vpull()
        # PNG decodes to I pictures; taken at its word, the encoder would make every frame a key frame.
        picture.pict_type = PictureType.NONE
        return picture

    def _graph(self, pixels: str) -> Graph:
        if pixels not in self._graphs:
            self._graphs[pixels] = _conversion(pixels, self._options)
        return self._graphs[pixels]


def _decode(png: bytes) -> VideoFrame:
    # A new decoder for each image: one that is used again may draw an image over the one before it.
    decoder = av.CodecContext.create("png", "r")
    images: list[VideoFrame] = decoder.decode(av.Packet(png))
    return images[0]


def _conversion(pixels: str, options: VideoOptions) -> Graph:
    """Return the filters that turn an image with `pixels` (libav's name) into a picture of the film."""
    (width, height), (across, down) = options.size, coded_size(options)
    alpha, deep = pixels in WITH_ALPHA, "16" in pixels or "48" in pixels or "64" in pixels
    source = f"video_size={width}x{height}:pix_fmt={pixels}:time_base=1/1:colorspace=gbr:range=pc"
    # Planar RGB at full range in between, since that is what all of these filters take.
    filters = [
        ("buffer", f"{source}:alpha_mode=straight" if alpha else source),
        ("scale", SCALER),
        ("format", f"gbr{'a' if alpha else ''}p{'16le' if deep else ''}"),
    ]
    if alpha:
        filters.append(("premultiply", "inplace=1"))
    if (across, down) != (width, height):
        filters.append(("pad", f"{across}:{down}"))
        filters.append(("fillborders", f"right={across - width}:bottom={down - height}:mode=smear"))
    filters.append(("scale", f"out_color_matrix=bt709:out_range=tv:{SCALER}"))
    filters.append(("format", pixel_format(options)))
    graph = Graph()
    nodes: list[FilterContext] = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph
