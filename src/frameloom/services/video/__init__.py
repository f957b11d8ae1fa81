"""Films from images: segments are encoded separately and joined without encoding again. Files and streams, no AWS."""

from frameloom.services.video.codec_settings import CODECS, VideoOptions, coded_size, encoder_options, pixel_format
from frameloom.services.video.encoder import encode_segment
from frameloom.services.video.joiner import join_segments
from frameloom.services.video.moov_size import index_room

__all__ = [
    "CODECS",
    "VideoOptions",
    "coded_size",
    "encode_segment",
    "encoder_options",
    "index_room",
    "join_segments",
    "pixel_format",
]
