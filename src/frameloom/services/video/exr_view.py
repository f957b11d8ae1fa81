"""The pixels of an OpenEXR, and how a screen shows them: Blender's view "Standard", which is sRGB's curve.

An OpenEXR has linear light in the primaries of Rec. 709. The scene's own view (AgX, Filmic, exposure, looks) is not in
the file and is not applied: docs/decisions/0011-films-of-linear-frames.md.
"""

import av
from av.video.frame import VideoFrame

from frameloom.services.images.exr_header import ExrHeader, exr_header
from frameloom.services.video.decoder import PixelsInvalidError, decode

# For a value from 0 to 1, in the syntax of libav's filters. Source: IEC 61966-2-1.
_LINEAR, _CURVED = "12.92*val", "(1.055*pow(val/maxval,1/2.4)-0.055)*maxval"
CURVE = f"if(lte(val/maxval,0.0031308),{_LINEAR},{_CURVED})"
# The name of a grey image's only channel, in Blender and in libav.
_BLENDERS_GREY, _LIBAVS_GREY = b"V\0", b"Y\0"
# libav loses the alpha of 32-bit floats in these.
_LOSES_ALPHA = ("DWAA", "DWAB")
_WITH_ALPHA = "gbrapf32le"


def decode_exr(exr: bytes) -> VideoFrame:
    """Return the image in an OpenEXR that `check_exr` accepted: linear light, premultiplied by alpha.

    Raises:
        PixelsInvalidError: its pixels are damaged, or its channels do not make a picture.
    """
    header = exr_header(exr)
    try:
        return decode("exr", _with_libavs_names(exr, header))
    except PixelsInvalidError as error:
        if isinstance(error.__cause__, av.error.PatchWelcomeError):
            raise PixelsInvalidError("it has neither the channels R, G and B nor V alone, which is grey") from error
        if header.compression == "PIZ":
            raise PixelsInvalidError(f"{error}: libav cannot unpack every PIZ; use ZIP") from error
        raise


def check_alpha(exr: bytes, image: VideoFrame) -> None:
    """Check that `image`, from `decode_exr`, has the file's transparency.

    Raises:
        PixelsInvalidError: libav has lost it.
    """
    if image.format.name == _WITH_ALPHA and exr_header(exr).compression in _LOSES_ALPHA:
        raise PixelsInvalidError("libav loses the alpha of 32-bit floats in DWAA and DWAB; use ZIP")


def _with_libavs_names(exr: bytes, header: ExrHeader) -> bytes:
    at = header.attributes[b"channels"].start
    if not exr.startswith(_BLENDERS_GREY, at):
        return exr
    return exr[:at] + _LIBAVS_GREY + exr[at + len(_BLENDERS_GREY) :]
