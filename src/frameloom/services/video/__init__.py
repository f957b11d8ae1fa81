"""Images into a film: segments that are encoded apart, joined without encoding anew. Files only, no AWS."""

from frameloom.services.video.encoder import encode_segment
from frameloom.services.video.joiner import join_segments
from frameloom.services.video.options import CODECS, VideoOptions, coded_size, encoder_options, pixel_format
from frameloom.services.video.probe import VideoFacts, count_packets, probe

__all__ = [
    "CODECS",
    "VideoFacts",
    "VideoOptions",
    "coded_size",
    "count_packets",
    "encode_segment",
    "encoder_options",
    "join_segments",
    "pixel_format",
    "probe",
]
