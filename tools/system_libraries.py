"""Find out whether the system libraries that Blender needs are there; install them as root on Debian and Ubuntu.

python tools/system_libraries.py
"""

import ctypes
import os
import shutil
import subprocess
import sys

# The libraries of `import bpy`, and EGL, without which EEVEE and Workbench end the process.
PACKAGES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
}


def missing() -> list[str]:
    """Return the Debian packages of the libraries that the loader does not find."""
    return [package for library, package in PACKAGES.items() if not _loads(library)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def main() -> int:
    """Install the missing libraries, or name them; return 0 when all are installed."""
    packages = missing()
    if not packages:
        return 0
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"Blender needs libraries that are not here. On Debian: sudo {' '.join(install)}", file=sys.stderr)
        return 1
    print(f"Installing Blender's system libraries: {' '.join(packages)}", file=sys.stderr)
    for command in (["apt-get", "update", "--quiet"], install):
        subprocess.run(command, check=True, stdout=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
