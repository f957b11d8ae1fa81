"""The largest size of a film's index, so that room for it is kept at the film's beginning before frames are written.

Source: ISO/IEC 14496-12, 8.6 and 8.7, the boxes of a track that have an entry for each sample, or for each run or
chunk of samples, of which there are no more than samples.
"""

# stsz 4, stts 8, ctts 8, stss 4, sdtp 1; stsc 12 and co64 8 if each sample is its own chunk.
FRAME_BYTES = 45
# The fixed part: under 1 kB, and the encoder's headers, of which x265's are the longest, 2.5 kB.
FIXED_BYTES = 16_384


def index_room(frames: int) -> int:
    """Return an upper bound of the bytes of a film's index."""
    return FIXED_BYTES + FRAME_BYTES * frames
