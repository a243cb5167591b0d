#!/bin/sh
# Holds peftc against onnx, ONNX Runtime and the stored outputs of PyTorch + PEFT.
# Wants a built binary; PEFTC names one that is not in target/. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/../.."

venv=target/interop-venv
wanted=tests/interop/requirements.txt
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" "$venv/requirements.txt"
fi
# NVIDIA's compiler, 90 MB, is not for every platform; test_cuda.py says where it is missing.
cuda=tests/interop/requirements-cuda.txt
if ! cmp -s "$cuda" "$venv/requirements-cuda.txt"; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$cuda" && cp "$cuda" "$venv/requirements-cuda.txt" ||
        echo "nvidia-cuda-nvrtc is not to be had: CUDA C will not be compiled" >&2
fi
exec "$venv/bin/python" -B -m pytest -p no:cacheprovider tests/interop "$@"
