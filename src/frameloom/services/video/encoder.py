"""One segment of a film from its images."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self, cast

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from frameloom.model.errors import EncodeFailed
from frameloom.services.storage.atomic_write import partial_file
from frameloom.services.video.av_io import url
from frameloom.services.video.codec_settings import (
    VideoOptions,
    codec_of,
    coded_size,
    encoder_options,
    muxer_options,
    pixel_format,
)
from frameloom.services.video.color_convert import Pictures
from frameloom.services.video.refusals import REFUSALS, refusals


def encode_segment(frames: Iterable[tuple[int, bytes]], out: Path, options: VideoOptions) -> int:
    """Encode images into one segment at `out` that decodes on its own; return their number.

    `frames` are (frame number, image file) in the order of the film. They are taken one at a time, so memory holds one
    image and the encoder's lookahead. Picture i is shown at i / fps. Errors of the iterator `frames` are passed on. The
    same images and options give the same bytes.

    Raises:
        FrameInvalid: an image is incomplete, or not of `options.format` and `options.size`; no later image is taken.
        EncodeFailed: there are no images, or the encoder or the disk refuses.
    """
    with partial_file(out) as part:
        with _Segment(part, out, options) as segment:
            for number, image in frames:
                segment.add(number, image)
            segment.finish()
        with refusals(out.name):
            part.replace(out)
    return segment.frames


class _Segment:
    """A video at `part`, with `frames` pictures so far; errors call it `out`."""

    def __init__(self, part: Path, out: Path, options: VideoOptions) -> None:
        self._part = part
        self._out = out
        self._options = options
        self._pictures = Pictures(options)
        self._reorder = codec_of(options).reorder
        self._stored = 0
        self.frames = 0

    def __enter__(self) -> Self:
        with refusals(self._out.name):
            self._container = av.open(
                url(self._part),
                "w",
                format=self._options.container,
                container_options=muxer_options(self._options.fps),
            )
            self._stream = self._add_stream()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # The file is deleted, and an error on closing it would hide this one.
        if kind is not None:
            with suppress(*REFUSALS):
                self._container.close()

    def add(self, number: int, image: bytes) -> None:
        """Show frame `number`'s image for the next 1 / fps of a second."""
        with refusals(self._out.name):
            picture = self._pictures.picture(number, image)
        picture.pts, picture.time_base = self.frames, 1 / self._options.fps
        self.frames += 1
        self._encode(picture)

    def finish(self) -> None:
        """Write the pictures that are still in the encoder, and the file's index."""
        if not self.frames:
            raise EncodeFailed(problem="there are no frames")
        self._encode(None)
        with refusals(self._out.name):
            self._container.close()

    def _encode(self, picture: VideoFrame | None) -> None:
        with refusals(self._out.name):
            for packet in self._stream.encode(picture):
                if self._reorder is not None:
                    packet.dts, packet.time_base = self._stored - self._reorder, 1 / self._options.fps
                self._stored += 1
                self._container.mux(packet)

    def _add_stream(self) -> VideoStream:
        codec = codec_of(self._options)
        added = self._container.add_stream(
            codec.encoder, rate=self._options.fps, options=encoder_options(self._options)
        )
        stream = cast("VideoStream", added)  # PyAV's types know it for names that are written out only
        stream.width, stream.height = coded_size(self._options)
        stream.pix_fmt = pixel_format(self._options)
        stream.codec_context.time_base = 1 / self._options.fps
        if self._options.pixel_aspect != 1:
            # Square pixels are the default.
            stream.codec_context.sample_aspect_ratio = self._options.pixel_aspect
        stream.color_primaries = ColorPrimaries.BT709
        stream.color_trc = ColorTrc.BT709
        stream.colorspace = Colorspace.ITU709
        stream.color_range = ColorRange.MPEG
        # Threads that share a frame would cut it into slices, which costs size; these take a frame each.
        stream.codec_context.thread_type = "FRAME"
        stream.codec_context.thread_count = codec.threads
        if codec.tag is not None:
            stream.codec_context.codec_tag = codec.tag
        return stream
