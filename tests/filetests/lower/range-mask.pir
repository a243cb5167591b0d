; test: lower
; A causal mask of places, and a triangle.
model ir=10 opset ""=18
graph g(%x: f32[s, s]) -> (%y, %t) {
  const %zero = i64[] {0}
  const %one = i64[] {1}
  const %first = i64[1] {0}
  const %second = i64[1] {1}
  const %low = f32[] {-1e4}
  %shape = Shape(%x)
  %n = Gather(%shape, %zero)
  %r = Range(%zero, %n, %one)
  %row = Unsqueeze(%r, %second)
  %column = Unsqueeze(%r, %first)
  %is = LessOrEqual(%column, %row)
  %y = Where(%is, %x, %low)
  %t = Trilu(%x) {upper: 0}
}
---
b0 = input 0: s*s of f32
b2 = made: s of i64
b3 = made: s*s of f32
b4 = made: s*s of f32
0: Range: kernel 0 over (s), split None
     b2 by (1)
1: LessOrEqual: kernel 1 over (s, s), split Rows
     b3 by (s, 1)
     b2 by (0, 1)
     b2 by (1, 0)
     b0 by (s, 1)
2: Trilu: kernel 2 over (s, s), split Rows
     b4 by (s, 1)
     b0 by (s, 1)
out b3[s, s] by (s, 1): f32
out b4[s, s] by (s, 1): f32

0: kernel map(n0) out y0: i64 {
  %0: i64 = const 0.0
  %1: i64 = const 1.0
  for lane #0 < n0 {
    %2: i64 = index #0
    %3: i64 = mul %2 %1
    %4: i64 = add %0 %3
    store y0[#0] %4
  }
}

1: kernel map(n0, n1, s0_0, s2_0, s3_0) out y0: f32, x1: i64, x2: i64, x3: f32 {
  for grid #0 < n0 {
    %0: i64 = load x2[#0*s2_0]
    %1: f32 = const -10000.0
    for lane #1 < n1 {
      %2: i64 = load x1[#1]
      %3: bool = less_equal %2 %0
      %4: f32 = load x3[#0*s3_0 + #1]
      %5: f32 = select %3 %4 %1
      store y0[#0*s0_0 + #1] %5
    }
  }
}

2: kernel map(n0, n1, s0_0, s1_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    %0: f32 = const 0.0
    %1: i64 = index #0
    %2: i64 = const 0.0
    %3: i64 = add %1 %2
    for lane #1 < n1 {
      %4: f32 = load x1[#0*s1_0 + #1]
      %5: i64 = index #1
      %6: bool = less_equal %5 %3
      %7: f32 = select %6 %4 %0
      store y0[#0*s0_0 + #1] %7
    }
  }
}
