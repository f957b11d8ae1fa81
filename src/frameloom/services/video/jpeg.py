"""The pixels of a JPEG. A JPEG has no checksum, so damage that still decodes is not detected."""

from av.video.frame import VideoFrame

from frameloom.services.video.decoder import PixelsInvalidError, decode

# libav's pixel format for CMYK.
_INK = "gbrap"


def decode_jpeg(jpeg: bytes) -> VideoFrame:
    """Return the image in a JPEG that `check_jpeg` accepted.

    Raises:
        PixelsInvalidError: its pixels are damaged or incomplete, or they are CMYK.
    """
    image = decode("mjpeg", jpeg)
    if image.format.name == _INK:
        raise PixelsInvalidError("it is a JPEG for print, in CMYK")
    return image
