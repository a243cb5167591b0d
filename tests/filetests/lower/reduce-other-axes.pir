; test: lower
; A reduction of the first axis reads columns.
model ir=10 opset ""=18
graph g(%x: f32[a, b, c]) -> (%y, %z) {
  const %first = i64[1] {0}
  const %outer = i64[2] {0, 2}
  %y = ReduceSum(%x, %first) {keepdims: 0}
  %z = ReduceMax(%x, %outer)
}
---
b0 = input 0: a*b*c of f32
b1 = made: a*b*c of f32
b2 = made: b of f32
b3 = made: b*c of f32
0: ReduceSum: kernel 0 over (b*c, a), split Rows
     b3 by (1, 0)
     b0 by (1, b*c)
1: ReduceMax: kernel 1 over (b, a, c), split Rows
     b1 by (a*c, c, 1)
     b0 by (c, b*c, 1)
2: ReduceMax: kernel 2 over (b, a*c), split Rows
     b2 by (1, 0)
     b1 by (a*c, 1)
out b3[b, c] by (c, 1): f32
out b2[1, b, 1] by (b, 1, 1): f32

0: kernel rows(n0, n1, s0_0, s1_0, s1_1) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    fold lane #1 < n1 {
      %0: f32 = load x1[#0*s1_0 + #1*s1_1]
    } sum %0 -> %1: f32
    store y0[#0*s0_0] %1
  }
}

1: kernel map(n0, n1, n2, s0_0, s0_1, s1_0, s1_1) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    for sequence #1 < n1 {
      for lane #2 < n2 {
        %0: f32 = load x1[#0*s1_0 + #1*s1_1 + #2]
        store y0[#0*s0_0 + #1*s0_1 + #2] %0
      }
    }
  }
}

2: kernel rows(n0, n1, s0_0, s1_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    fold lane #1 < n1 {
      %0: f32 = load x1[#0*s1_0 + #1]
    } max %0 -> %1: f32
    store y0[#0*s0_0] %1
  }
}
