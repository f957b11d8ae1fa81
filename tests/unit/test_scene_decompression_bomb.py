"""A file of kilobytes that decompresses to gigabytes is refused in little memory."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from tests.conformance.toolbox import ROOT
from tests.unit.blends import small

GIGABYTES = 12
# Bytes of address space beyond those of the process before it reads. The decompressed file has 12 GB.
ROOM = 400 * 2**20
READER = """
import resource, sys
from pathlib import Path
import blender_asset_tracer.blendfile, zstandard
from frameloom.model.errors import SceneUnreadable
from frameloom.services.scene.reader import read_scene
mine = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mine + int(sys.argv[2]),) * 2)
# Files on disk are not allowed either.
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
try:
    read_scene(Path(sys.argv[1]))
except SceneUnreadable as error:
    print(error.facts["problem"])
"""


def _zstd(blocks: int) -> bytes:
    """Return a zstd frame with `blocks` blocks of 4 bytes, each for 128 KiB of zeros. See RFC 8878, 3.1.1."""
    window = (17 - 10) << 3
    zeros = ((2**17 << 3) | (1 << 1)).to_bytes(3, "little") + b"\0"
    last = ((0 << 3) | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\x00" + bytes([window]) + zeros * blocks + last


def _bomb() -> bytes:
    """Return a scene with several blocks of 2 GiB minus one byte."""
    size = 2**31 - 1
    head = zstandard.compress(struct.pack("<4siQii", b"DATA", size, 1, 0, 1))
    body = _zstd(size // 2**17) + zstandard.compress(bytes(size % 2**17))
    return zstandard.compress(small()[:12]) + (head + body) * (GIGABYTES // 2)


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited in Linux's way")
def test_a_decompression_bomb_is_unreadable_within_the_memory_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.blend"
    path.write_bytes(_bomb())
    assert path.stat().st_size < 2**20
    command = [sys.executable, "-c", READER, str(path), str(ROOM)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "it decompresses to more than 8,589,934,592 bytes, this farm's limit"
