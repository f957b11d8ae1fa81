#!/bin/sh
# In a build stage of the image: install the Blender of /tmp/requirements.txt to /blenders/VERSION; nothing without VERSION.
set -eu
mkdir -p /blenders
if [ -z "${1:-}" ]; then exit 0; fi
python3.11 -m pip install --quiet --no-cache-dir --no-compile --no-deps --require-hashes --target "/blenders/$1" \
    --requirement /tmp/requirements.txt
# Without Cycles' kernels for AMD GPUs (*gfx*): a farm renders on the CPU or with CUDA and OptiX.
rm -rf "/blenders/$1"/bin "/blenders/$1"/bpy/*/scripts/addons_core/cycles/lib/*gfx*
# Bytecode is not checked against its source: at run time both are read-only.
python3.11 -m compileall -q --invalidation-mode unchecked-hash "/blenders/$1"
chmod -R a+rX /blenders
