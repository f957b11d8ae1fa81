"""Recognizes files that a scene may use: pictures, films, sounds, fonts, volumes, caches, models and other scenes.

A file counts by its first bytes. Formats without such bytes count by the extension, if no part of the path is hidden.
A private key, a password file or a configuration has neither.
"""

import re
from pathlib import Path

_HEAD = 512
_STARTS = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|BM....\0\0\0\0|GIF8|II\*\0|MM\0\*|II\+\0|MM\0\+|v/1\x01|#\?RA?DIANCE|#\?RGBE|SDPX|XPDS"
    rb"|\x80\x2a\x5f\xd7|\xd7\x5f\x2a\x80|\x01\xda|8BPS|DDS |\0\0\0\x0cjP  |\xff\x4f\xff\x51|RIFF....(?:WEBP|WAVE|AVI )"
    rb"|RF64....WAVE|FORM....AIF|caff|fLaC|OggS|ID3|\xff[\xe2-\xfd]|\.snd|\x1a\x45\xdf\xa3|FLV\x01|\x30\x26\xb2\x75"
    rb"|\x06\x0e\x2b\x34|\0\0\x01[\xb0-\xbf]|\0...(?:ftyp|moov|mdat|wide|free|skip)|\0\x01\0\0\0|OTTO|ttcf|true\0"
    rb"|wOFF|wOF2|\x80\x01|%!PS-AdobeFont|%!FontType1| BDV|Ogawa|\x89HDF\r\n|PXR-USDC|#usda"
    rb"|BLENDER|BPHYSICS|POINTCACHE2|IESNA|ply\r?\n",
    re.DOTALL,
)
# Compressed .blend files, meshes of fluids, and USD archives. Other compressed files may be backups or documents.
_PACKED = re.compile(rb"\x1f\x8b|\x28\xb5\x2f\xfd|PK\x03\x04")
_PACKED_NAME = re.compile(r".*(?:\.blend|\.b?obj\.gz|\.usdz)", re.IGNORECASE | re.DOTALL)
_ENDINGS = frozenset({
    ".tga", ".cin", ".pcd", ".raw", ".rgb", ".sgi", ".bw", ".hdr", ".exr", ".mdd", ".pc2", ".obj", ".mtl", ".stl",
    ".ply", ".csv", ".txt", ".ies", ".osl", ".oso", ".abc", ".usd", ".usda", ".usdc", ".vdb", ".bphys", ".uni", ".blob",
    ".btx", ".pfb", ".mp3", ".m4a", ".aac", ".ac3", ".dts", ".amr", ".dv", ".ts", ".m2v", ".mts", ".m2ts", ".vob",
})  # fmt: skip


def is_media(path: Path) -> bool:
    """Return whether the file at `path`, without symbolic links, is of a kind that scenes use.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if _STARTS.match(head):
        return True
    if any(part.startswith(".") for part in path.parts):
        return False
    ending = path.suffix.lower()
    packed = _PACKED_NAME.fullmatch(path.name) and _PACKED.match(head)
    return ending in _ENDINGS or packed is not None or _is_bake(path)


def _is_bake(path: Path) -> bool:
    """Return whether a file is part of a bake of Geometry Nodes."""
    return path.suffix == ".json" and path.parent.name == "meta"
