#!/bin/sh
# Print the path of uv, which makes every environment here; if the machine has no uv, fetch it with pip.
set -eu
if command -v uv; then exit 0; fi
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -x "$here/.uv/bin/uv" ]; then echo "$here/.uv/bin/uv"; exit 0; fi
python=$(command -v python3.11 || command -v python3 || true)
if [ -z "$python" ]; then echo "Frameloom needs Python 3.11: install it, then run make again." >&2; exit 1; fi
echo "Downloading uv, which installs Frameloom's packages: about 20 MB, once." >&2
# A venv of its own where Python can make one (Debian packs ensurepip apart), else a plain folder.
if "$python" -m venv "$here/.uv" >/dev/null 2>&1; then
    "$here/.uv/bin/python" -m pip install --quiet 'uv>=0.8' >&2
else
    rm -rf "$here/.uv"
    "$python" -m pip install --quiet --target "$here/.uv" 'uv>=0.8' >&2
fi
echo "$here/.uv/bin/uv"
