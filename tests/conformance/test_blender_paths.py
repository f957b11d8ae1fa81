"""Compares the table of all paths in Blender with Blender's own description of its data."""

import subprocess
import sys
from pathlib import Path

import pytest

from frameloom.model.blender_paths import PATHS, PathUse
from frameloom.model.import_nodes import IMPORT, PATH
from tests.conformance.toolbox import ROOT

# As tools/blender_paths.py printed it in an environment with bpy 5.0.1; the suite's own Blender is asked itself.
BLENDER_5_0 = Path(__file__).parent / "blender_5.0_paths.txt"


@pytest.fixture(scope="module")
def of_blender() -> dict[str, set[str]]:
    """The path properties of each Blender."""
    asked = subprocess.run(
        [sys.executable, "tools/blender_paths.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {"installed": set(asked.stderr.split()), "5.0": set(BLENDER_5_0.read_text().split())}


def test_every_path_property_of_blender_is_classified(of_blender: dict[str, set[str]]) -> None:
    for version, paths in of_blender.items():
        assert len(paths) > 90, version
        unknown = paths - PATHS.keys()
        assert not unknown, f"Blender {version} has paths that model/blender_paths.py lacks: classify each there"
    assert PATHS.keys() <= set().union(*of_blender.values()), "paths that no Blender has"


def test_every_node_with_a_path_socket_is_followed(of_blender: dict[str, set[str]]) -> None:
    for paths in of_blender.values():
        sockets = {path for path in paths if ".inputs[" in path}
        assert len(sockets) == 6
        for socket in sockets:
            assert socket.startswith(IMPORT)
            assert socket.endswith(f".inputs[{PATH}]")
            assert PATHS[socket] is PathUse.IMPORTED
