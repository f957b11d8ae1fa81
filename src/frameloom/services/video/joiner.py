"""A film from its segments, by copying their packets."""

import io
from collections.abc import Generator, Iterable
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING

from av.container import OutputContainer
from av.video.stream import VideoStream

from frameloom.model.errors import EncodeFailed
from frameloom.services.video.av_io import is_whole, reading, writing
from frameloom.services.video.codec_settings import muxer_options
from frameloom.services.video.moov_size import index_room

if TYPE_CHECKING:
    from av.packet import Packet

FILM = "the film"


def join_segments(
    segments: Iterable[tuple[str, io.IOBase]], out: io.IOBase, fps: Fraction, *, frames: int, kind: str = "mp4"
) -> None:
    """Join segments into one film of so many frames. Each segment is its name in errors, and a file to read.

    Nothing is decoded or encoded: the film has the pictures of the segments bit for bit, picture i at i / fps. `kind`
    is libav's name of the file format of the segments and the film.

    The film's index comes first, so that the film plays while it loads. `out` is written forward, except for its first
    `index_room(frames)` bytes and a few after them, which are written again at the end. Errors of reading and writing
    are passed on. The same segments give the same film.

    Raises:
        EncodeFailed: there are no segments; a segment is not a complete video at this frame rate; the segments have
            different options or another number of frames; or the disk refuses.
    """
    room = {"moov_size": str(index_room(frames))}
    with writing(out, FILM, kind=kind, options=muxer_options(fps) | room) as container:
        film = _Film(container, fps)
        for name, segment in segments:
            film.append(name, segment)
        if not film.frames:
            raise EncodeFailed(problem="there are no segments")
        if film.frames != frames:
            raise EncodeFailed(problem=f"the film has {film.frames} frames instead of {frames}")


class _Film:
    """The film's stream, with `frames` pictures so far."""

    def __init__(self, container: OutputContainer, fps: Fraction) -> None:
        self._container = container
        self._fps = fps
        self._stream: VideoStream | None = None
        self._kind: tuple[object, ...] | None = None
        self.frames = 0

    def append(self, name: str, file: io.IOBase) -> None:
        """Add a segment's frames."""
        added = 0
        # A generator, so that an error on writing the film is not reported as an error of the segment.
        with closing(self._packets(name, file)) as packets:
            for packet in packets:
                self._container.mux(packet)
                added += 1
        self.frames += added

    def _packets(self, name: str, file: io.IOBase) -> "Generator[Packet[VideoStream]]":
        """Yield a segment's packets with the film's time stamps."""
        with reading(file, name) as (segment, source):
            stream = self._stream_like(source, name)
            # A picture is stored before the pictures that refer to it. So up to this many are stored before a picture
            # that is shown earlier; the stream's headers guarantee the limit.
            reorder = source.codec_context.reorder_depth
            shown: list[int] = []
            for packet in segment.demux(source):
                if not is_whole(packet):
                    continue
                index = self._index(packet, name)
                packet.stream, packet.time_base = stream, 1 / self._fps
                packet.pts, packet.duration = self.frames + index, 1
                # The segment's own decoding times depend on its length. After a short segment they would go backwards.
                packet.dts = self.frames + len(shown) - reorder
                shown.append(index)
                yield packet
            if not shown or sorted(shown) != list(range(source.frames)):
                raise EncodeFailed(problem=f"{name}: it lacks frames")

    def _index(self, packet: "Packet[VideoStream]", name: str) -> int:
        """Return a packet's index in the display order of the segment."""
        index = (packet.pts or 0) * packet.time_base * self._fps
        if index.denominator != 1:
            raise EncodeFailed(problem=f"{name}: it does not run at {self._fps} frames per second")
        return int(index)

    def _stream_like(self, source: VideoStream, name: str) -> VideoStream:
        """Return the film's stream, a copy of the first segment's; all segments must have the same properties."""
        # ProRes has no stream headers, only headers of pictures.
        aspect = source.sample_aspect_ratio
        kind = (source.codec_context.extradata, source.width, source.height, source.pix_fmt, aspect)
        if self._stream is None:
            # Opaque: copied without an encoder of its codec. For AV1, libav has no encoder of that name.
            self._stream = self._container.add_stream_from_template(source, opaque=True)
            self._stream.codec_context.codec_tag = source.codec_context.codec_tag
            if aspect is not None:
                # AV1 and ProRes frames lack it: only the segment's container has it.
                self._stream.codec_context.sample_aspect_ratio = aspect
            self._kind = kind
        if kind != self._kind:
            raise EncodeFailed(problem=f"{name}: it was encoded with other options than the previous segments")
        return self._stream
