"""How long a film's index can get, so that room for it is kept at the film's beginning before a frame is written.

Source: ISO/IEC 14496-12, 8.6 and 8.7, the boxes of a track that have an entry for each sample, or for each run or
chunk of samples, of which there are no more than samples.
"""

# stsz 4, stts 8, ctts 8, stss 4, sdtp 1; stsc 12 and co64 8, which each sample has that is a chunk of its own.
FRAME_BYTES = 45
# All that does not grow with the film: under 1 kB, and the encoder's headers, of which x265 has the longest, 2.5 kB.
FIXED_BYTES = 16_384


def index_room(frames: int) -> int:
    """Return bytes that the index of a film of so many frames is sure to fit in."""
    return FIXED_BYTES + FRAME_BYTES * frames
