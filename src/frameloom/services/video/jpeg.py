"""The pixels of a JPEG. A JPEG has no checksum: what is damaged and still decodes is a picture, if another one."""

from av.video.frame import VideoFrame

from frameloom.services.video.decoder import PixelsInvalidError, decode

# What libav makes of four channels of ink, which are no colours yet.
_INK = "gbrap"


def decode_jpeg(jpeg: bytes) -> VideoFrame:
    """Return the image in a JPEG that `check_jpeg` found whole.

    Raises:
        PixelsInvalidError: its pixels are damaged or end early, or it is made for print.
    """
    image = decode("mjpeg", jpeg)
    if image.format.name == _INK:
        raise PixelsInvalidError("it is a JPEG for print, in CMYK")
    return image
