"""Files that are not .blend files, or are cut, damaged, too new, or malicious."""

import contextlib
import gzip
import os
import re
import struct
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import assume, example, given
from hypothesis import strategies as st

from frameloom.model.errors import InvalidRequest, NoCamera, SceneUnreadable
from frameloom.services.scene import reader
from frameloom.services.scene.blend_format import DAMAGED, INCOMPLETE, NOT_A_BLEND
from frameloom.services.scene.condense import KEPT_CODES
from frameloom.services.scene.reader import read_scene
from tests.unit.blends import PACKERS, SEEK_TABLE, blocks, packed, problem, read, small

Change = Callable[[bytes], bytes]


def test_a_missing_file_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_scene(tmp_path / "shot.blend")


@pytest.mark.timeout(10)
def test_a_folder_or_a_pipe_is_unreadable(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.blend"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe):
        with pytest.raises(SceneUnreadable, match="it is not a regular file"):
            read_scene(path)


def test_a_path_that_is_too_long_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(SceneUnreadable, match="File name too long"):
        read_scene(tmp_path / ("long" * 100))


def test_an_error_of_the_system_makes_a_scene_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shot.blend"
    path.write_bytes(small())
    # Root may read every file, so make the system fail in another way.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    monkeypatch.setattr(reader, "IN_MEMORY", 1)
    with pytest.raises(SceneUnreadable, match="No such file or directory"):
        read_scene(path)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x", NOT_A_BLEND),
        (b"hello, world\n", NOT_A_BLEND),
        (b"\x89PNG\r\n\x1a\n", NOT_A_BLEND),
        (b"BLENDERS are loud", NOT_A_BLEND),
        (gzip.compress(b"hello, world", mtime=0), NOT_A_BLEND),
        (zstandard.compress(b"hello, world"), NOT_A_BLEND),
        (b"BLENDER-v4", INCOMPLETE),
        (b"", "it is empty"),
        (b"BLENDER17-02v0700" + bytes(100), "its file format is too new for this farm: save it with an older Blender"),
    ],
)
def test_a_file_that_is_not_a_blend_file_is_unreadable(data: bytes, why: str) -> None:
    assert problem(data) == why


@pytest.mark.parametrize("packing", PACKERS)
@given(data=st.data())
def test_a_scene_cut_anywhere_is_unreadable(packing: str, data: st.DataObject) -> None:
    whole = packed(packing)
    # Equally many cuts near both ends, with the header, the last block and the trailers, and in between.
    end = len(whole) - 1
    length = data.draw(st.integers(0, 40) | st.integers(end - 60, end) | st.integers(0, end))
    # Without its seek table, the scene is still complete.
    assume(whole[length:] != SEEK_TABLE)
    assert problem(whole[:length]) in {INCOMPLETE, NOT_A_BLEND, "it is empty"}


def test_a_scene_cut_at_any_block_is_unreadable() -> None:
    starts = [at for at, _, _ in blocks(small())]
    for at in [*starts[:40], *starts[-40:]]:
        for length in (at, at + 1, at + 23):
            assert problem(small()[:length]) == INCOMPLETE


@given(data=st.data())
def test_a_damaged_scene_is_unreadable_or_read_without_other_errors(data: st.DataObject) -> None:
    read_by_us = [(at, size) for at, code, size in blocks(small()) if code in KEPT_CODES]
    start, size = data.draw(st.sampled_from([(0, 0), *read_by_us]))
    at = data.draw(st.integers(start, start + 23) | st.integers(start, start + 23 + size))
    damage = data.draw(st.binary(min_size=1, max_size=4))
    with contextlib.suppress(SceneUnreadable, NoCamera, InvalidRequest):
        assert read(small()[:at] + damage + small()[at + len(damage) :]).pick().rendered_size() > (0, 0)


@given(st.binary(max_size=400), st.sampled_from([b"BLENDER-v405", b"BLENDER_V249", b"BLENDER17-01v0500"]))
@example(garbage=bytes(400), header=b"BLENDER-v405")
def test_garbage_after_a_valid_header_is_unreadable(garbage: bytes, header: bytes) -> None:
    for pack in PACKERS.values():
        assert problem(pack(header + garbage))


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_damaged_compression_is_unreadable(packing: str) -> None:
    data = packed(packing)
    assert problem(data[:5000] + bytes(100) + data[5100:]) in {DAMAGED, INCOMPLETE}


def test_a_compressed_scene_with_a_wrong_checksum_is_unreadable() -> None:
    data = packed("gzip")
    assert problem(data[:-8] + bytes(4) + data[-4:]) == DAMAGED


def _change_block(wanted: bytes, change: Change) -> bytes:
    """Return the small scene with `change` applied to each block of this code, including its head."""
    data = small()
    for at, code, size in blocks(data):
        if code == wanted:
            block = change(data[at : at + 24 + size])
            assert len(block) == 24 + size
            assert block != data[at : at + 24 + size]
            data = data[:at] + block + data[at + 24 + size :]
    return data


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda block: block.replace(b"mat[4][4]\0", b"mat[4][40\0", 1), id="an array without its end"),
        pytest.param(lambda block: re.sub(rb"NAME....", b"NAME\xff\xff\xff\x7f", block, count=1), id="endless members"),
        pytest.param(lambda block: re.sub(rb"TYPE....", b"TYPE\xff\xff\xff\x7f", block, count=1), id="endless types"),
        pytest.param(lambda block: block.replace(b"SDNA", b"SDNB", 1), id="no catalogue"),
    ],
)
def test_a_dna1_block_that_would_loop_the_reader_is_refused(change: Change) -> None:
    assert problem(_change_block(b"DNA1", change)) == DAMAGED


def test_a_file_without_scenes_is_refused() -> None:
    assert problem(_change_block(b"SC\0\0", lambda block: b"XX" + block[2:])) == "it contains no scene"


def test_a_file_without_dna1_is_refused() -> None:
    why = problem(_change_block(b"DNA1", lambda block: b"DNA0" + block[4:]))
    assert why == "it has no DNA1 block, which describes its data"


@pytest.mark.timeout(10)
@pytest.mark.parametrize("packing", PACKERS)
def test_a_block_of_negative_size_does_not_loop_the_reader(packing: str) -> None:
    circle = struct.pack("<4siQii", b"DATA", -24, 1, 0, 1)
    assert problem(PACKERS[packing](small()[:12] + circle + small()[12:])) == DAMAGED


def test_scenes_and_objects_above_the_memory_limit_are_refused() -> None:
    scene = struct.pack("<4siQii", b"SC\0\0", 17 * 2**20, 1, 0, 1) + bytes(17 * 2**20)
    assert problem(small()[:12] + scene) == "its scenes and objects take more memory than this farm allows"


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("place", ["before the last block", "behind the last block"])
def test_a_file_that_decompresses_above_the_limit_takes_no_memory_or_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str, place: str
) -> None:
    huge = 256 * 2**20
    block = struct.pack("<4siQii", b"DATA", huge, 1, 0, 1)
    trap = small()[:12] + block + bytes(huge) if place == "before the last block" else small() + bytes(huge)
    path = tmp_path / "trap.blend"
    path.write_bytes(gzip.compress(trap, 1) if packing == "gzip" else zstandard.compress(trap))
    del trap
    # There is no folder for temporary files.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    tracemalloc.start()
    try:
        with pytest.raises(SceneUnreadable, match="it decompresses to more than 134,217,728 bytes, this farm's limit"):
            read_scene(path, limit=huge // 2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_a_compressed_file_at_the_limit_is_read() -> None:
    assert read(packed("zstd"), limit=len(small())) == read(small())
    with pytest.raises(SceneUnreadable):
        read(packed("zstd"), limit=len(small()) - 100)
