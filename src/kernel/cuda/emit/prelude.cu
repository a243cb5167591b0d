typedef float f32;
typedef double f64;
typedef signed char i8;
typedef unsigned char u8;
typedef unsigned char b8;
typedef short i16;
typedef unsigned short u16;
typedef unsigned short f16;
typedef unsigned short bf16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;
#define FN __device__ __forceinline__

// Elements that are loaded or stored at once.
template <int BYTES> struct raw;
template <> struct raw<2> { typedef u16 type; };
template <> struct raw<4> { typedef u32 type; };
template <> struct raw<8> { typedef uint2 type; };
template <> struct raw<16> { typedef uint4 type; };
template <typename T, int N> union __align__(sizeof(T) * N) several {
  T at[N];
  typename raw<sizeof(T) * N>::type all;
};
// The compiler would take some stores apart again.
FN void put(u16 *at, u16 x) { *at = x; }
FN void put(u32 *at, u32 x) { *at = x; }
FN void put(uint2 *at, uint2 x) {
  asm volatile("st.global.v2.u32 [%0], {%1, %2};"
               :: "l"(__cvta_generic_to_global(at)), "r"(x.x), "r"(x.y) : "memory");
}
FN void put(uint4 *at, uint4 x) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};"
               :: "l"(__cvta_generic_to_global(at)), "r"(x.x), "r"(x.y), "r"(x.z), "r"(x.w) : "memory");
}

FN bool is_inside(i64 place, i64 count, i64 length) { return place >= 0 && place <= length - count; }
FN void fail(int *fault, int buffer) { atomicMax(fault, buffer); }

FN f32 load_f32(f32 x) { return x; }
FN f64 load_f64(f64 x) { return x; }
FN i64 load_i8(i8 x) { return x; }
FN i64 load_u8(u8 x) { return x; }
FN i64 load_i16(i16 x) { return x; }
FN i64 load_u16(u16 x) { return x; }
FN i64 load_i32(i32 x) { return x; }
FN i64 load_u32(u32 x) { return x; }
FN i64 load_i64(i64 x) { return x; }
FN bool load_bool(b8 x) { return x != 0; }
FN f32 load_bf16(bf16 x) { return __uint_as_float((u32)x << 16); }
FN f32 load_f16(f16 x) { f32 y; asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x)); return y; }

FN f32 store_f32(f32 x) { return x; }
FN f64 store_f64(f64 x) { return x; }
FN i8 store_i8(i64 x) { return (i8)x; }
FN u8 store_u8(i64 x) { return (u8)x; }
FN i16 store_i16(i64 x) { return (i16)x; }
FN u16 store_u16(i64 x) { return (u16)x; }
FN i32 store_i32(i64 x) { return (i32)x; }
FN u32 store_u32(i64 x) { return (u32)x; }
FN i64 store_i64(i64 x) { return x; }
FN b8 store_bool(bool x) { return x; }
FN bf16 store_bf16(f32 x) {
  u32 bits = __float_as_uint(x);
  return (bf16)((x != x ? bits | 0x400000 : bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
FN f16 store_f16(f32 x) { f16 y; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x)); return y; }

FN f32 op_neg(f32 x) { return -x; }
FN f64 op_neg(f64 x) { return -x; }
FN i64 op_neg(i64 x) { return (i64)(0 - (u64)x); }
FN f32 op_abs(f32 x) { return fabsf(x); }
FN f64 op_abs(f64 x) { return fabs(x); }
FN i64 op_abs(i64 x) { return x < 0 ? op_neg(x) : x; }
FN f32 op_sqrt(f32 x) { return __fsqrt_rn(x); }
FN f64 op_sqrt(f64 x) { return __dsqrt_rn(x); }
FN f32 op_floor(f32 x) { return floorf(x); }
FN f64 op_floor(f64 x) { return floor(x); }
FN f32 op_ceil(f32 x) { return ceilf(x); }
FN f64 op_ceil(f64 x) { return ceil(x); }
FN f32 op_nearest(f32 x) { return rintf(x); }
FN f64 op_nearest(f64 x) { return rint(x); }
FN bool op_not(bool x) { return !x; }
FN f32 op_add(f32 x, f32 y) { return __fadd_rn(x, y); }
FN f64 op_add(f64 x, f64 y) { return __dadd_rn(x, y); }
FN i64 op_add(i64 x, i64 y) { return (i64)((u64)x + (u64)y); }
FN f32 op_sub(f32 x, f32 y) { return __fsub_rn(x, y); }
FN f64 op_sub(f64 x, f64 y) { return __dsub_rn(x, y); }
FN i64 op_sub(i64 x, i64 y) { return (i64)((u64)x - (u64)y); }
FN f32 op_mul(f32 x, f32 y) { return __fmul_rn(x, y); }
FN f64 op_mul(f64 x, f64 y) { return __dmul_rn(x, y); }
FN i64 op_mul(i64 x, i64 y) { return (i64)((u64)x * (u64)y); }
FN f32 op_div(f32 x, f32 y) { return __fdiv_rn(x, y); }
FN f64 op_div(f64 x, f64 y) { return __ddiv_rn(x, y); }
FN i64 op_div(i64 x, i64 y) { return y == 0 ? 0 : y == -1 ? op_neg(x) : x / y; }
FN i64 op_rem(i64 x, i64 y) { return y == 0 || y == -1 ? 0 : x % y; }
FN f32 op_max(f32 x, f32 y) { return y > x || y != y ? y : x; }
FN f64 op_max(f64 x, f64 y) { return y > x || y != y ? y : x; }
FN i64 op_max(i64 x, i64 y) { return x > y ? x : y; }
FN f32 op_min(f32 x, f32 y) { return y < x || y != y ? y : x; }
FN f64 op_min(f64 x, f64 y) { return y < x || y != y ? y : x; }
FN i64 op_min(i64 x, i64 y) { return x < y ? x : y; }
FN bool op_and(bool x, bool y) { return x && y; }
FN bool op_or(bool x, bool y) { return x || y; }
template <typename T> FN bool op_equal(T x, T y) { return x == y; }
template <typename T> FN bool op_less(T x, T y) { return x < y; }
template <typename T> FN bool op_less_equal(T x, T y) { return x <= y; }
template <typename T> FN T op_select(bool x, T y, T z) { return x ? y : z; }
FN f32 op_fma(f32 x, f32 y, f32 z) { return __fmaf_rn(x, y, z); }
FN f64 op_fma(f64 x, f64 y, f64 z) { return __fma_rn(x, y, z); }
FN f32 op_scale2(f32 x, f32 y) {
  return __fmul_rn(x, __uint_as_float((u32)(__float2int_rz(y) + 127) << 23));
}
FN f64 op_scale2(f64 x, f64 y) {
  return __dmul_rn(x, __longlong_as_double((i64)((u64)(__double2ll_rz(y) + 1023) << 52)));
}
FN f32 op_exponent(f32 x) {
  return __int2float_rn((int)(__float_as_uint(x) >> 23 & 0xff) - 127);
}
FN f64 op_exponent(f64 x) {
  return __int2double_rn((int)((u64)__double_as_longlong(x) >> 52 & 0x7ff) - 1023);
}
FN f32 op_mantissa(f32 x) {
  return __uint_as_float((__float_as_uint(x) & 0x807fffff) | 0x3f800000);
}
FN f64 op_mantissa(f64 x) {
  u64 bits = (u64)__double_as_longlong(x) & 0x800fffffffffffffull;
  return __longlong_as_double((i64)(bits | 0x3ff0000000000000ull));
}
FN f32 op_to_f32(f32 x) { return x; }
FN f32 op_to_f32(f64 x) { return __double2float_rn(x); }
FN f32 op_to_f32(i64 x) { return __ll2float_rn(x); }
FN f32 op_to_f32(bool x) { return x ? 1.0f : 0.0f; }
FN f64 op_to_f64(f32 x) { return x; }
FN f64 op_to_f64(f64 x) { return x; }
FN f64 op_to_f64(i64 x) { return __ll2double_rn(x); }
FN f64 op_to_f64(bool x) { return x ? 1.0 : 0.0; }
FN i64 op_to_i64(f32 x) { return x != x ? 0 : __float2ll_rz(x); }
FN i64 op_to_i64(f64 x) { return x != x ? 0 : __double2ll_rz(x); }
FN i64 op_to_i64(i64 x) { return x; }
FN i64 op_to_i64(bool x) { return x; }
template <typename T> FN bool op_to_bool(T x) { return x != (T)0; }
