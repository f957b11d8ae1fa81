"""The pixels of an OpenEXR, and how a screen shows them: Blender's view "Standard", the curve of sRGB and no more.

An OpenEXR holds light: as much as there is, in the primaries of Rec. 709. What a scene's own view (AgX, Filmic,
exposure, looks) would make of it is not in the file and is not applied: docs/decisions/0011-films-of-linear-frames.md.
"""

import av
from av.video.frame import VideoFrame

from frameloom.services.video.decoder import PixelsInvalidError, decode

# Of a value from 0 to 1, as libav's filters write it. Source: IEC 61966-2-1.
_LINEAR, _CURVED = "12.92*val", "(1.055*pow(val/maxval,1/2.4)-0.055)*maxval"
CURVE = f"if(lte(val/maxval,0.0031308),{_LINEAR},{_CURVED})"
# Before a header's list of channels; the list's length lies between.
_CHANNELS, _LENGTH_BYTES = b"channels\0chlist\0", 4
# The one channel of a grey image as Blender calls it, and as libav knows it.
_VALUE, _LUMA = b"V\0", b"Y\0"
# A header's words for codecs: the one of which libav knows a part, and those of whose whole floats it loses alpha.
_PIZ = b"compression\0compression\0\1\0\0\0\x04"
_DWA = (b"compression\0compression\0\1\0\0\0\x08", b"compression\0compression\0\1\0\0\0\x09")
_WITH_ALPHA = "gbrapf32le"


def decode_exr(exr: bytes) -> VideoFrame:
    """Return the image in an OpenEXR that `check_exr` found whole: light, and times alpha.

    Raises:
        PixelsInvalidError: its pixels are damaged, or it has no channels that make a picture.
    """
    try:
        return decode("exr", _as_libav_calls_it(exr))
    except PixelsInvalidError as error:
        if isinstance(error.__cause__, av.error.PatchWelcomeError):
            raise PixelsInvalidError("it has neither the channels R, G and B nor V alone, which is grey") from error
        if _PIZ in exr:
            raise PixelsInvalidError(f"{error}: libav cannot unpack every PIZ; pack it with ZIP, say") from error
        raise


def check_alpha(exr: bytes, image: VideoFrame) -> None:
    """Raise PixelsInvalidError where what `decode_exr` made of a file has lost its transparency."""
    if image.format.name == _WITH_ALPHA and any(codec in exr for codec in _DWA):
        raise PixelsInvalidError("libav loses the alpha of whole floats in DWAA and DWAB; pack it with ZIP, say")


def _as_libav_calls_it(exr: bytes) -> bytes:
    found = exr.find(_CHANNELS)
    at = found + len(_CHANNELS) + _LENGTH_BYTES
    if found < 0 or not exr.startswith(_VALUE, at):
        return exr
    return exr[:at] + _LUMA + exr[at + len(_VALUE) :]
