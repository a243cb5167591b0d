"""NVRTC compiles the CUDA C of every kernel of `tests/kernels`: without spills or stack, and 16 bytes at once stay so.

No device is needed. `PEFTC_KERNELS` names a folder with more kernels in their text form.
"""

import ctypes
import importlib.metadata
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import ROOT

ARCHITECTURES = ("sm_80", "sm_90")
FOLDERS = [ROOT / "tests/kernels", *map(Path, filter(None, [os.environ.get("PEFTC_KERNELS")]))]
MODELS = sorted((ROOT / "models").rglob("*.onnx"))
KERNELS = sorted(file for folder in FOLDERS for file in folder.glob("*.kernel"))

# Types of elements that are one behind the other, with what a thread loads or stores of them at once.
SEVERAL = re.compile(r"several<(\w+), (\d)> \*\)")
BYTES = {"f64": 8, "i64": 8, "f32": 4, "i32": 4, "u32": 4, "f16": 2, "bf16": 2, "i16": 2, "u16": 2}


def load():
    """NVRTC of the wheel `nvidia-cuda-nvrtc`, which finds its own library only where that is loaded before."""
    files = importlib.metadata.files("nvidia-cuda-nvrtc") or []
    libraries = [str(file.locate()) for file in files if re.search(r"libnvrtc(-builtins)?\.so", file.name)]
    assert len(libraries) == 2, libraries
    for library in sorted(libraries, key=lambda name: "builtins" not in name):
        nvrtc = ctypes.CDLL(library, ctypes.RTLD_GLOBAL)
    nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
    return nvrtc


@pytest.fixture(scope="module")
def nvrtc():
    try:
        return load()
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the wheel nvidia-cuda-nvrtc is not installed: no CUDA C was compiled")


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The text of each kernel."""
    assert KERNELS
    folder = tmp_path_factory.mktemp("cuda")
    subprocess.run(["cargo", "run", "--quiet", "--example", "emit_cuda", "--", folder, *KERNELS], cwd=ROOT, check=True)
    return {kernel: (folder / kernel.name).with_suffix(".cu").read_text() for kernel in KERNELS}


def compiled(nvrtc, text, architecture):
    """The PTX of a text, and what the compiler says of its machine code."""
    program = ctypes.c_void_p()

    def got(what):
        size = ctypes.c_size_t()
        assert not getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
        content = ctypes.create_string_buffer(size.value)
        assert not getattr(nvrtc, f"nvrtcGet{what}")(program, content)
        return content.value.decode()

    assert not nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None)
    options = [f"-arch={architecture}".encode(), b"--ptxas-options=-v"]
    status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    log = got("ProgramLog")
    assert not status, f"{nvrtc.nvrtcGetErrorString(status).decode()}\n{log}"
    ptx = got("PTX")
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return ptx, log


def check(nvrtc, text, architecture):
    ptx, log = compiled(nvrtc, text, architecture)
    assert "warning" not in log, log
    found = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    assert found and found.groups() == ("0", "0", "0"), log
    registers = re.search(r"Used (\d+) registers", log)
    assert registers and int(registers[1]) <= 128, log
    assert ".local" not in ptx
    wide = [match for match in SEVERAL.findall(text) if BYTES.get(match[0], 1) * int(match[1]) == 16]
    assert len(re.findall(r"(?:ld|st)\.global\S*\.v[24]\.", ptx)) >= len(wide), ptx
    assert ("f64" in text.partition('extern "C"')[2]) or not re.search(r"\.f64\b", ptx)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.stem)
def test_kernels_compile_without_spills(nvrtc, texts, kernel, architecture):
    check(nvrtc, texts[kernel], architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_kernels_of_fixtures_compile_without_spills(nvrtc, tmp_path, architecture):
    subprocess.run(["cargo", "run", "--quiet", "--example", "emit_cuda", "--", tmp_path, *MODELS], cwd=ROOT, check=True)
    files = sorted(tmp_path.glob("*.cu"))
    assert len(files) > 50
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for file, result in [(file, threads.submit(check, nvrtc, file.read_text(), architecture)) for file in files]:
            assert result.exception() is None, f"{file.name}: {result.exception()}"
