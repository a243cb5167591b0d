"""The operations of the CUDA C, compiled for the machine at hand with one thread, hold to numpy."""

import ctypes
import itertools
import re
import shutil
import subprocess

import ml_dtypes
import numpy as np
import pytest

from support import ROOT

FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 3.0, -100.0, 16777216.0, 1e30, -9.3e18, 9223372036854775808.0]
FLOATS += [np.inf, -np.inf, np.nan, 1.401298464324817e-45, 1.1754943508222875e-38, 3.4028234663852886e38]
LEAST, LARGEST = -(2**63), 2**63 - 1
INTEGERS = [0, 1, -1, 2, -2, 7, -7, 16777217, 9007199254740993, LARGEST, LEAST, LEAST + 1]
SPECIAL = {"f32": FLOATS, "f64": FLOATS, "i64": INTEGERS, "bool": [False, True]}
DTYPES = {"f32": np.float32, "f64": np.float64, "i64": np.int64, "bool": np.bool_}
ALL, NUMBERS, REALS = ("f32", "f64", "i64", "bool"), ("f32", "f64", "i64"), ("f32", "f64")


def wrapped(function):
    return np.vectorize(lambda *x: (function(*map(int, x)) - LEAST) % 2**64 + LEAST, otypes=[np.int64])


def divided(x, y):
    return 0 if y == 0 else abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def to_i64(x):
    if x.dtype.kind != "f":
        return x.astype(np.int64)
    return np.vectorize(lambda x: 0 if np.isnan(x) else int(min(max(x, LEAST), LARGEST)) if np.isfinite(x) else LARGEST if x > 0 else LEAST, otypes=[np.int64])(x)


# The arguments' types and the function, for each operation.
OF_FLOATS = {
    "neg": (1, np.negative), "abs": (1, np.abs), "sqrt": (1, np.sqrt), "floor": (1, np.floor), "ceil": (1, np.ceil),
    "nearest": (1, np.rint), "add": (2, np.add), "sub": (2, np.subtract), "mul": (2, np.multiply),
    "div": (2, np.divide), "max": (2, np.maximum), "min": (2, np.minimum),
    "exponent": (1, lambda x: np.frexp(x)[1].astype(x.dtype) - x.dtype.type(1)),
    "mantissa": (1, lambda x: np.frexp(x)[0] * x.dtype.type(2)),
    "scale2": (2, lambda x, y: x * np.exp2(y)),
    # Exact in the arguments that are kept below.
    "fma": (3, lambda x, y, z: (x.astype(np.longdouble) * y + z).astype(x.dtype)),
}  # fmt: skip
OF_INTEGERS = {
    "neg": (1, wrapped(lambda x: -x)), "abs": (1, wrapped(abs)), "add": (2, wrapped(lambda x, y: x + y)),
    "sub": (2, wrapped(lambda x, y: x - y)), "mul": (2, wrapped(lambda x, y: x * y)), "div": (2, wrapped(divided)),
    "rem": (2, wrapped(lambda x, y: 0 if y == 0 else x - y * divided(x, y))), "max": (2, np.maximum), "min": (2, np.minimum),
}  # fmt: skip
OF_BOOLS = {"not": (1, np.logical_not), "and": (2, np.logical_and), "or": (2, np.logical_or)}
COMPARISONS = {"equal": np.equal, "less": np.less, "less_equal": np.less_equal}
CONVERSIONS = {"f32": lambda x: x.astype(np.float32), "f64": lambda x: x.astype(np.float64), "i64": to_i64, "bool": lambda x: x != 0}


def cases():
    """Each operation with the types of its arguments and of its result, and what it is."""
    for ty in REALS:
        yield from ((name, [ty] * count, ty, function) for name, (count, function) in OF_FLOATS.items())
    yield from ((name, ["i64"] * count, "i64", function) for name, (count, function) in OF_INTEGERS.items())
    yield from ((name, ["bool"] * count, "bool", function) for name, (count, function) in OF_BOOLS.items())
    for name, function in COMPARISONS.items():
        yield from ((name, [ty] * 2, "bool", function) for ty in (ALL if name == "equal" else NUMBERS))
    yield from (("select", ["bool", ty, ty], ty, np.where) for ty in ALL)
    for to, function in CONVERSIONS.items():
        yield from ((f"to_{to}", [ty], to, function) for ty in ALL)


CASES = {f"{name}_{'_'.join(types)}": (name, types, result, function) for name, types, result, function in cases()}


def kernel(symbol, name, types, result):
    buffers = ", ".join(f"x{at}: {ty}" for at, ty in enumerate(types))
    loads = "\n".join(f"%{at}: {ty} = load x{at}[#0]" for at, ty in enumerate(types))
    arguments = " ".join(f"%{at}" for at in range(len(types)))
    return f"""kernel {symbol}(n) {buffers}, out y: {result} {{
  for lane #0 < n {{
    {loads}
    %9: {result} = {name} {arguments}
    store y[#0] %9
  }}
}}"""


# What the compiler for devices has by itself, for one thread.
SHIM = r"""
#include <cmath>
#include <cstring>
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
struct uint2 { unsigned x, y; } __attribute__((aligned(8)));
struct uint4 { unsigned x, y, z, w; } __attribute__((aligned(16)));
struct { unsigned x; } const threadIdx = {0}, blockIdx = {0}, blockDim = {1}, gridDim = {1};
template <class T, class F> T bits(F x) { T y; memcpy(&y, &x, sizeof y); return y; }
inline float __uint_as_float(unsigned x) { return bits<float>(x); }
inline unsigned __float_as_uint(float x) { return bits<unsigned>(x); }
inline double __longlong_as_double(long long x) { return bits<double>(x); }
inline long long __double_as_longlong(double x) { return bits<long long>(x); }
template <class I, class F> I towards_zero(F x) {
  const F end = std::ldexp((F)1, sizeof(I) * 8 - 1);
  const I least = (I)1 << (sizeof(I) * 8 - 1);
  return !(x >= -end) ? least : x >= end ? ~least : (I)x;
}
inline int __float2int_rz(float x) { return towards_zero<int>(x); }
inline long long __float2ll_rz(float x) { return towards_zero<long long>(x); }
inline long long __double2ll_rz(double x) { return towards_zero<long long>(x); }
inline float __ll2float_rn(long long x) { return x; }
inline double __ll2double_rn(long long x) { return x; }
inline float __int2float_rn(int x) { return x; }
inline double __int2double_rn(int x) { return x; }
inline float __double2float_rn(double x) { return x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
#define RN(name, sign) \
  inline float __f##name##_rn(float x, float y) { return x sign y; } \
  inline double __d##name##_rn(double x, double y) { return x sign y; }
RN(add, +) RN(sub, -) RN(mul, *) RN(div, /)
inline void atomicMax(int *at, int x) { if (*at < x) *at = x; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Functions of all kernels. What instructions of the device do is left out: conversions of float16."""
    if not (compiler := shutil.which("c++")):
        pytest.skip("there is no c++: the operations of the CUDA C were not run")
    folder, texts = tmp_path_factory.mktemp("operations"), []
    kernels = {symbol: kernel(symbol, *case[:3]) for symbol, case in CASES.items()}
    kernels |= {f"copy_{a}_{b}": copy(a, b) for a, b in COPIES}
    files = [folder / f"{symbol}.kernel" for symbol in kernels]
    for file, text in zip(files, kernels.values()):
        file.write_text(text)
    subprocess.run(["cargo", "run", "--quiet", "--example", "emit_cuda", "--", folder, *files], cwd=ROOT, check=True)
    for file in files:
        prelude, start, function = file.with_suffix(".cu").read_text().partition('extern "C"')
        texts.append(start + function)
    prelude = re.sub(r"asm volatile\(.*?\);", "*at = x;", prelude, flags=re.DOTALL)
    prelude = re.sub(r"asm\(.*?\)\);", "y = 0;", prelude)
    source = folder / "operations.cpp"
    source.write_text(SHIM + prelude + "\n".join(texts))
    options = ["-std=c++17", "-O1", "-ffp-contract=off", "-w", "-shared", "-fPIC"]
    subprocess.run([compiler, *options, source, "-o", source.with_suffix(".so")], check=True)
    return ctypes.CDLL(str(source.with_suffix(".so")))


def launched(library, symbol, arrays):
    n, fault = len(arrays[0]), ctypes.c_int(0)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    integers = [ctypes.c_longlong(n)] * (len(arrays) + 1)
    getattr(library, f"k_{symbol}")(*pointers, *integers, ctypes.byref(fault))
    assert fault.value == 0
    return arrays[-1]


def is_said(name, arguments):
    """Where the specification says what the operation does."""
    x = arguments[0]
    if name in ("exponent", "mantissa"):
        return np.isfinite(x) & (np.abs(x) > 1e-37)
    if name == "scale2":
        y = arguments[1]
        return (np.rint(y) == y) & (np.abs(y) < 127)
    if name == "fma":
        # numpy has none: numbers whose product and sum are exact in 64 bits of mantissa, or are special.
        is_plain = [~np.isfinite(x) | (x == 0) | (np.abs(x) >= 0.5) & (np.abs(x) <= 100) for x in arguments]
        return np.all(is_plain, axis=0)
    return np.ones(len(x), bool)


@pytest.mark.parametrize("symbol", CASES)
def test_operations_hold_to_numpy(library, symbol):
    name, types, result, function = CASES[symbol]
    columns = zip(*itertools.product(*(SPECIAL[ty] for ty in types)))
    arguments = [np.array(column, DTYPES[ty]) for column, ty in zip(columns, types)]
    said = is_said(name, arguments)
    arguments = [column[said] for column in arguments]
    with np.errstate(all="ignore"):
        wanted = function(*arguments)
    found = launched(library, symbol, [*arguments, np.zeros(len(wanted), DTYPES[result])])
    np.testing.assert_array_equal(found, wanted)


STORED = {"f32": np.float32, "f64": np.float64, "bf16": ml_dtypes.bfloat16, "bool": np.bool_}
STORED |= {f"{sign}{bits}": np.dtype(f"{sign}{bits // 8}") for sign in "iu" for bits in (8, 16, 32)} | {"i64": np.int64}
COPIES = [("f32", "bf16"), ("bf16", "f32"), ("f64", "f64"), ("bool", "bool")]
COPIES += [("i64", ty) for ty in STORED if ty[0] in "iu"] + [(ty, "i64") for ty in STORED if ty[0] in "iu" and ty != "i64"]


def copy(a, b):
    ty = {"i": "i64", "u": "i64"}.get(a[0], "bool" if a == "bool" else "f64" if a == "f64" else "f32")
    return f"kernel copy_{a}_{b}(n) x: {a}, out y: {b} {{ for lane #0 < n {{ %0: {ty} = load x[#0] store y[#0] %0 }} }}"


@pytest.mark.parametrize("a, b", COPIES)
def test_elements_are_stored_as_numpy_does(library, a, b):
    every = np.arange(2**16, dtype=np.uint16)
    near = (every.astype(np.uint32) << 16) + np.array([[0], [0x7FFF], [0x8000], [0x8001]], np.uint32)
    made = {"f32": near.ravel().view(np.float32), "f64": np.array(FLOATS), "bool": np.array([False, True, True])}
    made |= {"bf16": every.view(ml_dtypes.bfloat16)}
    with np.errstate(all="ignore"):
        x = made[a] if a in made else np.array(INTEGERS * 3, np.int64).astype(STORED[a])
        wanted = x.astype(STORED[b])
        found = launched(library, f"copy_{a}_{b}", [x, np.zeros(len(x), STORED[b])])
        np.testing.assert_array_equal(found.astype(np.float64), wanted.astype(np.float64))
