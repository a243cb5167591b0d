"""The operations and folds of the CUDA C hold to numpy, compiled for the machine at hand."""

import itertools

import ml_dtypes
import numpy as np
import pytest

import cuda_host
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


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    kernels = {symbol: kernel(symbol, *case[:3]) for symbol, case in CASES.items()}
    kernels |= {f"copy_{a}_{b}": copy(a, b) for a, b in COPIES}
    kernels |= {name: (ROOT / f"tests/kernels/{name}.kernel").read_text() for name in [*ROWS, "reduce_all"]}
    return cuda_host.library(kernels, tmp_path_factory.mktemp("operations"))


def launched(library, symbol, arrays):
    return cuda_host.launch(library, symbol, arrays, [len(arrays[0])])


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


def layer_norm(x, scale, bias):
    centred = x - x.mean(1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(1, keepdims=True) + 1e-5) * scale + bias


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


# Kernels with a block for each row: what they compute, and of how many arguments beside it.
ROWS = {"softmax": (softmax, 0), "layer_norm": (layer_norm, 2)}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("columns", [1, 130, 1024])
def test_rows_hold_to_numpy(library, name, columns):
    function, arguments = ROWS[name]
    generator, rows = np.random.default_rng(columns), 3
    x = generator.normal(size=(rows, columns)).astype(np.float32)
    others = [generator.normal(size=columns).astype(np.float32) for _ in range(arguments)]
    y = np.full_like(x, np.nan)
    behind = [np.zeros(rows, np.float32)] if name == "layer_norm" else []
    cuda_host.launch(library, name, [x, *others, y, *behind], [rows, columns])
    wanted = function(x.astype(np.float64), *others)
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [0, 63, 1001])
def test_folds_hold_to_numpy(library, n):
    generator = np.random.default_rng(n)
    x, i = generator.normal(size=n), generator.integers(LEAST, LARGEST, n)
    y, j = np.zeros(2), np.zeros(3, np.int64)
    cuda_host.launch(library, "reduce_all", [x, i, y, j], [n])
    np.testing.assert_allclose(y, [x.sum(), x.min(initial=np.inf)], rtol=1e-12, atol=1e-12)
    assert list(j) == [i.sum(), i.max(initial=LEAST), i.prod()]
