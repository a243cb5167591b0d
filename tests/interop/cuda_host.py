"""CUDA C compiled for the machine at hand: the threads of one block are threads of the system."""

import ctypes
import re
import shutil
import subprocess

import pytest

from support import ROOT

# What the compiler for devices has by itself. Conversions of float16 are an instruction: they are left out.
SHIM = r"""
#include <cmath>
#include <cstring>
#include <pthread.h>
#include <thread>
#include <vector>
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
struct uint2 { unsigned x, y; } __attribute__((aligned(8)));
struct uint4 { unsigned x, y, z, w; } __attribute__((aligned(16)));
#define __shared__ static
struct { unsigned x; } const blockIdx = {0}, blockDim = {64}, gridDim = {1};
thread_local struct { unsigned x; } threadIdx;
pthread_barrier_t barrier;
inline void __syncthreads() { pthread_barrier_wait(&barrier); }
template <class T> T __shfl_xor_sync(unsigned, T x, int bits) {
  static T all[64];
  all[threadIdx.x] = x;
  __syncthreads();
  T y = all[threadIdx.x ^ bits];
  __syncthreads();
  return y;
}
template <class F> void in_threads(F f) {
  pthread_barrier_init(&barrier, nullptr, 64);
  std::vector<std::thread> threads;
  for (unsigned x = 0; x < 64; ++x) threads.emplace_back([=] { threadIdx.x = x; f(); });
  for (auto &thread : threads) thread.join();
}
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


def library(kernels, folder):
    """Functions of kernels, which are given by name in their text form."""
    if not (compiler := shutil.which("c++")):
        pytest.skip("there is no c++: the CUDA C was not run")
    files, functions = [folder / f"{name}.kernel" for name in kernels], []
    for file, text in zip(files, kernels.values()):
        file.write_text(text)
    subprocess.run(["cargo", "run", "--quiet", "--example", "emit_cuda", "--", folder, *files], cwd=ROOT, check=True)
    for file in files:
        prelude, start, function = file.with_suffix(".cu").read_text().partition('extern "C"')
        name, parameters = re.search(r"(k_\w+)\((.*?)\) {", function, re.DOTALL).groups()
        arguments = ", ".join(parameter.split()[-1] for parameter in parameters.split(","))
        launch = f'extern "C" void launch_{name[2:]}({parameters}) {{ in_threads([=] {{ {name}({arguments}); }}); }}\n'
        functions.append(start + function + launch)
    prelude = re.sub(r"asm volatile\(.*?\);", "*at = x;", prelude, flags=re.DOTALL)
    prelude = re.sub(r"asm\(.*?\)\);", "y = 0;", prelude)
    source = folder / "kernels.cpp"
    source.write_text(SHIM + prelude + "".join(functions))
    options = ["-std=c++17", "-O1", "-ffp-contract=off", "-w", "-shared", "-fPIC", "-pthread"]
    subprocess.run([compiler, *options, source, "-o", source.with_suffix(".so")], check=True)
    return ctypes.CDLL(str(source.with_suffix(".so")))


def launch(library, name, arrays, given):
    """Launches a kernel, and gives what is written in the last array."""
    fault = ctypes.c_int(0)
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    integers = [ctypes.c_longlong(number) for number in [*(array.size for array in arrays), *given]]
    getattr(library, f"launch_{name}")(*pointers, *integers, ctypes.byref(fault))
    assert fault.value == 0
    return arrays[-1]
