"""A scene of a gigabyte is read in little memory."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.conformance.toolbox import ROOT
from tests.scenes import make_scene
from tests.unit.blends import blocks
from tests.unit.test_modifier_references import KINDS

# Blocks of data, such as packed images, each larger than the memory limit.
BLOCK, COUNT = 256 * 2**20, 4
# Bytes of address space beyond those of the process before it reads. Measured: 34 MB of memory in total.
ROOM = 96 * 2**20
READER = """
import resource, sys
from pathlib import Path
import blender_asset_tracer.blendfile, zstandard
from frameloom.services.scene.reader import read_scene
mine = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mine + int(sys.argv[2]),) * 2)
# Files on disk are not allowed either.
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
print([reference.path for reference in read_scene(Path(sys.argv[1])).references])
"""


def _parts(small: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return a scene with large blocks before the last ones; only the heads of the large blocks are included."""
    catalogue = next(at for at, code, _ in blocks(small) if code == b"DNA1")
    heads = [struct.pack("<4siQii", b"DATA", BLOCK, 2**60 + number, 1, 1) for number in range(COUNT)]
    return small[:catalogue], heads, small[catalogue:]


def _plain(path: Path, small: bytes) -> None:
    first, heads, last = _parts(small)
    with path.open("wb") as file:
        file.write(first)
        for head in heads:
            # A sparse file takes no disk space.
            file.write(head)
            file.seek(BLOCK, 1)
        file.write(last)
    assert path.stat().st_size > 2**30


def _packed(path: Path, small: bytes) -> None:
    first, heads, last = _parts(small)
    body = zstandard.compress(bytes(BLOCK // 16)) * 16
    pieces = [zstandard.compress(first), *(zstandard.compress(head) + body for head in heads), zstandard.compress(last)]
    path.write_bytes(b"".join(pieces))


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited in Linux's way")
@pytest.mark.parametrize("write", [_plain, _packed])
def test_a_scene_of_a_gigabyte_is_read_in_little_memory(tmp_path: Path, write: Callable[[Path, bytes], None]) -> None:
    # With a struct that refers to a file, the reader makes two passes.
    small = make_scene(tmp_path / "small.blend", also=KINDS["mesh cache"][0]).read_bytes()
    path = tmp_path / "shot.blend"
    write(path, small)
    command = [sys.executable, "-c", READER, str(path), str(ROOM)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "['//caches/cloth.pc2']"), done.stderr
