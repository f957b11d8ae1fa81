"""The pixels of an OpenEXR as a screen shows them: Blender's view "Standard", which is the curve of sRGB and no more.

An OpenEXR holds light: as much as there is, in the primaries of Rec. 709. What a scene's own view (AgX, Filmic,
exposure, looks) would make of it is not in the file and is not applied: docs/decisions/0011-films-of-linear-frames.md.
"""

import av
from av.video.frame import VideoFrame

from frameloom.services.video.stills import PixelsInvalidError, decode

CURVE = "iec61966_2_1"
# Before a header's list of channels; the list's length lies between.
_CHANNELS, _LENGTH_BYTES = b"channels\0chlist\0", 4
# The one channel of a grey image as Blender calls it, and as libav knows it.
_VALUE, _LUMA = b"V\0", b"Y\0"
# A header's word for the codec that libav knows for part of what is packed with it.
_PIZ = b"compression\0compression\0\1\0\0\0\4"


def decode_exr(exr: bytes) -> VideoFrame:
    """Return the image in an OpenEXR that `check_exr` found whole, on sRGB's curve; its colours are times alpha.

    Raises:
        PixelsInvalidError: its pixels are damaged, or it has no channels that make a picture.
    """
    try:
        return decode("exr", _as_libav_calls_it(exr), {"apply_trc": CURVE})
    except PixelsInvalidError as error:
        if isinstance(error.__cause__, av.error.PatchWelcomeError):
            raise PixelsInvalidError("it has neither the channels R, G and B nor V alone, which is grey") from error
        if _PIZ in exr:
            raise PixelsInvalidError(f"{error}: libav cannot unpack every PIZ; pack it with ZIP, say") from error
        raise


def _as_libav_calls_it(exr: bytes) -> bytes:
    found = exr.find(_CHANNELS)
    at = found + len(_CHANNELS) + _LENGTH_BYTES
    if found < 0 or not exr.startswith(_VALUE, at):
        return exr
    return exr[:at] + _LUMA + exr[at + len(_VALUE) :]
