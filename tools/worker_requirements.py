"""Generate worker/requirements/: the packages of the worker's image, pinned and hashed, in the versions of uv.lock.

python tools/worker_requirements.py

<series>.txt has a Blender alone: an image, and a farm on one machine, may have several. worker.txt has the dependencies
of the worker and of every Blender, which they share.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "worker/requirements"

# The Blenders that an image can hold, by series. Both need Python 3.11; bpy's own metadata allows numpy 2, which it
# was not built against.
BLENDERS = {"4.5": "4.5.15", "5.0": "5.0.1"}
INPUTS = {
    **{series: f"bpy=={version}\nnumpy<2\n" for series, version in BLENDERS.items()},
    "worker": "boto3\npydantic\nopenexr\nzstandard\nbpy\nnumpy<2\n",
}
# The platform of the image: bpy has no wheel for Linux on Arm.
PLATFORM = ["--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:"]


def pins(text: str) -> dict[str, str]:
    """Return the versions that a requirements file pins, by package."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\\n]+)", text, flags=re.MULTILINE))


def hashes(text: str) -> dict[str, set[str]]:
    """Return the hashes that a requirements file allows, by package."""
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    return {block.partition("==")[0]: set(re.findall(r"sha256:[0-9a-f]{64}", block)) for block in blocks}


def locked(uv: str) -> str:
    """Return everything that uv.lock holds, as requirements with hashes."""
    everything = ["--all-extras", "--all-groups", "--no-emit-project", "--no-annotate", "--no-header"]
    return _run([uv, "export", "--quiet", "--frozen", *everything])


def find_uv() -> str | None:
    """Return the path of uv: the machine's, or the copy that `make` has fetched."""
    return shutil.which("uv") or shutil.which("uv", path=ROOT / ".uv/bin")


def compiled(uv: str, name: str, lock: str) -> str:
    """Return a requirements file for the image in the versions of `lock`, and with no hash that it does not know."""
    # Without Blender itself, which the environment has in one version.
    constraints = "".join(f"{other}=={version}\n" for other, version in pins(lock).items() if other != "bpy")
    with tempfile.TemporaryDirectory() as folder:
        inputs, limits = Path(folder, "inputs.txt"), Path(folder, "constraints.txt")
        inputs.write_text(INPUTS[name], encoding="utf-8")
        limits.write_text(constraints, encoding="utf-8")
        options = ["--quiet", "--generate-hashes", "--no-header", "--no-annotate", *PLATFORM]
        found = _run([uv, "pip", "compile", *options, "--constraint", str(limits), str(inputs)])
    versions, allowed, known = pins(found), hashes(found), hashes(lock)
    lines = []
    for package, version in versions.items():
        # Only its series' file has Blender, and it has nothing else.
        if (package == "bpy") == (name == "worker"):
            continue
        same = pins(lock).get(package) == version
        wanted = sorted(allowed[package] & known[package] if same else allowed[package])
        lines.append(" \\\n    ".join([f"{package}=={version}", *(f"--hash={each}" for each in wanted)]))
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the files; return 0 when they are written."""
    uv = find_uv()
    if uv is None:
        print("There is no uv here: `make env` fetches it.", file=sys.stderr)
        return 1
    lock = locked(uv)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in INPUTS:
        text = f"# Made by: python tools/worker_requirements.py\n{compiled(uv, name, lock)}"
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
    return 0


def _run(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
