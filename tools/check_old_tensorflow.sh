#!/usr/bin/env bash
# Run the tests that train on the oldest promised pair: Python 3.10 and TensorFlow 2.12 with Keras 2, which conda
# still offers for POWER.
#     tools/check_old_tensorflow.sh [FOLDER]        FOLDER keeps the environment; default .old_tensorflow
# PYTHON names a Python 3.10 that is not on the path.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-.old_tensorflow}
if [ ! -x "$folder/bin/python" ]; then
    python=${PYTHON:-$(command -v python3.10)} || { echo "needs python3.10" >&2; exit 2; }
    "$python" -m venv "$folder"
    "$folder/bin/pip" install -q "tensorflow-cpu==2.12.*" "numpy<1.24" h5py pyyaml pillow \
        pytest pytest-timeout hypothesis
    # Apart: TensorFlow 2.12 asks for an older typing_extensions than pydantic 2 does, and runs with the
    # newer one.
    "$folder/bin/pip" install -q "pydantic>=2.8,!=2.10.0" "typing_extensions>=4.6.1"
fi
"$folder/bin/python" -c "import sys, tensorflow as tf; print('Python', sys.version.split()[0], 'TensorFlow', tf.__version__)" 2>/dev/null
exec "$folder/bin/python" -m pytest -q -p no:cacheprovider tests/training
