; test: print
model ir=14 opset ""=24
graph g() -> (%f32) {
  const %f32 = f32[3] {0.1, inf, 3.4028235e38}
  const %nan = f32[1] hex"0100c07f"
  const %f64 = f64[2] {0.1, -1e300}
  const %f16 = f16[3] {0.1, 65504, -inf}
  const %bf16 = bf16[2] {0.1, 3e38}
  const %i64 = i64[2] {-9223372036854775808, 7}
  const %i32 = i32[1] {-1} typed
  const %i16 = i16[1] {-32768}
  const %i8 = i8[1] {-128}
  const %u64 = u64[1] {18446744073709551615}
  const %u32 = u32[1] {4294967295}
  const %u16 = u16[1] {65535}
  const %u8 = u8[1] {255}
  const %bool = bool[2] {0, 1}
  const %c64 = c64[1] hex"0000803f00000040"
  const %f8 = f8e4m3fn[2] hex"3870"
  const %u4 = u4[3] hex"2103"
  const %i2 = i2[5] hex"e401"
  const %f6 = f6e2m3[4] hex"010203"
  const %s = string[2] {"a", "ü\n"}
  const %sparse = f32[2, 2] sparse(f32[1] {5.0}, i64[1] {3})
  const %pending = f32[2, 2] pending(3, 0)
}
---
model ir=14 opset ""=24
graph g() -> (%f32) {
  const %f32 = f32[3] {0.1, inf, 3.4028235e38}
  const %nan = f32[1] hex"0100c07f"
  const %f64 = f64[2] {0.1, -1e300}
  const %f16 = f16[3] {0.099975586, 65504.0, -inf}
  const %bf16 = bf16[2] {0.100097656, 3.0040553e38}
  const %i64 = i64[2] {-9223372036854775808, 7}
  const %i32 = i32[1] {-1} typed
  const %i16 = i16[1] {-32768}
  const %i8 = i8[1] {-128}
  const %u64 = u64[1] {18446744073709551615}
  const %u32 = u32[1] {4294967295}
  const %u16 = u16[1] {65535}
  const %u8 = u8[1] {255}
  const %bool = bool[2] {0, 1}
  const %c64 = c64[1] hex"0000803f00000040"
  const %f8 = f8e4m3fn[2] hex"3870"
  const %u4 = u4[3] hex"2103"
  const %i2 = i2[5] hex"e401"
  const %f6 = f6e2m3[4] hex"010203"
  const %s = string[2] {"a", "ü\n"}
  const %sparse = f32[2, 2] sparse(f32[1] {5.0}, i64[1] {3})
  const %pending = f32[2, 2] pending(3, 0)
}
