"""A film from its segments, by copying what they hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from frameloom.model.errors import EncodeFailed
from frameloom.services.video.files import is_whole, open_video, refusals, url, whole_file
from frameloom.services.video.options import VideoOptions, muxer_options

if TYPE_CHECKING:
    from av.packet import Packet


def join_segments(segments: Sequence[Path], out: Path, options: VideoOptions) -> int:
    """Join the segments into one film at `out` and return its length in frames.

    Nothing is decoded or encoded: the film's pictures are those of the segments, bit for bit, picture i
    of all of them shown at i / fps. The film's index stands first, so that it plays while it loads. Of
    `options` only the frame rate counts; the rest is what the segments were encoded with.

    Raises:
        EncodeFailed: there is no segment, one is not a whole video at this frame rate, they were encoded
            with different options, or the disk refuses.
    """
    if not segments:
        raise EncodeFailed(problem="there are no segments")
    mp4 = muxer_options(options) | {"movflags": "+faststart"}
    with (
        whole_file(out) as part,
        refusals(out),
        av.open(url(part), "w", format="mp4", container_options=mp4) as container,
    ):
        film = _Film(container, options)
        for segment in segments:
            film.append(segment)
    return film.frames


class _Film:
    """The film's one stream, `frames` of it so far."""

    def __init__(self, container: OutputContainer, options: VideoOptions) -> None:
        self._container = container
        self._options = options
        self._stream: VideoStream | None = None
        self._headers: bytes | None = None
        self.frames = 0

    def append(self, path: Path) -> None:
        """Add a segment's frames."""
        with open_video(path) as (segment, source):
            stream = self._stream_like(source, path)
            # A picture is stored before those that refer to it, so up to this many may be stored before
            # one that is shown earlier than they are. The stream's headers promise that it's never more.
            reorder = source.codec_context.reorder_depth
            shown: list[int] = []
            for packet in segment.demux(source):
                if not is_whole(packet):
                    continue
                index = self._index(packet, path)
                packet.stream, packet.time_base = stream, 1 / self._options.fps
                packet.pts, packet.duration = self.frames + index, 1
                # Not those of the segment: where they begin depends on its length, and after a short
                # segment they would run backwards.
                packet.dts = self.frames + len(shown) - reorder
                shown.append(index)
                self._container.mux(packet)
            if not shown or sorted(shown) != list(range(source.frames)):
                raise EncodeFailed(problem=f"{path.name}: frames are missing in it")
        self.frames += len(shown)

    def _index(self, packet: "Packet[VideoStream]", path: Path) -> int:
        """Return a packet's place among the segment's pictures as they are shown."""
        index = (packet.pts or 0) * packet.time_base * self._options.fps
        if index.denominator != 1:
            raise EncodeFailed(problem=f"{path.name}: it does not run at {self._options.fps} frames per second")
        return int(index)

    def _stream_like(self, source: VideoStream, path: Path) -> VideoStream:
        """Return the film's stream, made after the first segment's, which all others must resemble."""
        headers = source.codec_context.extradata
        if self._stream is None:
            # Opaque: copied as it is, without an encoder of its codec, which AV1 has none of by that name.
            self._stream = self._container.add_stream_from_template(source, opaque=True)
            self._stream.codec_context.codec_tag = source.codec_context.codec_tag
            self._headers = headers
        if headers != self._headers:
            raise EncodeFailed(problem=f"{path.name}: it was encoded with other options than the segments before it")
        return self._stream
