; test: lower
; A rotary embedding: halves are read where they are.
model ir=10 opset ""=18
graph g(%x: f32[b, s, 2, 8], %cos: f32[s, 1, 8], %sin: f32[s, 1, 8]) -> (%y) {
  const %zero = i64[1] {0}
  const %four = i64[1] {4}
  const %eight = i64[1] {8}
  const %axis = i64[1] {3}
  %l = Slice(%x, %zero, %four, %axis)
  %r = Slice(%x, %four, %eight, %axis)
  %n = Neg(%r)
  %t = Concat(%n, %l) {axis: -1}
  %a = Mul(%x, %cos)
  %c = Mul(%t, %sin)
  %y = Add(%a, %c)
}
---
b0 = input 0: 16*b*s of f32
b1 = input 1: 8*s of f32
b2 = input 2: 8*s of f32
b3 = made: 16*b*s of f32
b4 = made: 16*b*s of f32
0: Neg: kernel 0 over (2*b*s, 4), split Rows
     b3 by (8, 1)
     b0 by (8, 1) from 4
1: Concat: kernel 1 over (2*b*s, 4), split Rows
     b3 by (8, 1) from 4
     b0 by (8, 1)
2: Mul: kernel 2 over (b, s, 2, 8), split Rows
     b4 by (16*s, 16, 8, 1)
     b0 by (16*s, 16, 8, 1)
     b1 by (0, 8, 0, 1)
     b3 by (16*s, 16, 8, 1)
     b2 by (0, 8, 0, 1)
out b4[b, s, 2, 8] by (16*s, 16, 8, 1): f32

0: kernel map(n0, n1, s0_0, s1_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    for lane #1 < n1 {
      %0: f32 = load x1[#0*s1_0 + #1]
      %1: f32 = neg %0
      store y0[#0*s0_0 + #1] %1
    }
  }
}

1: kernel map(n0, n1, s0_0, s1_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    for lane #1 < n1 {
      %0: f32 = load x1[#0*s1_0 + #1]
      store y0[#0*s0_0 + #1] %0
    }
  }
}

2: kernel map(n0, n1, n2, n3, s0_0, s0_1, s0_2, s1_0, s1_1, s1_2, s2_1, s3_0, s3_1, s3_2, s4_1) out y0: f32, x1: f32, x2: f32, x3: f32, x4: f32 {
  for grid #0 < n0 {
    for sequence #1 < n1 {
      for sequence #2 < n2 {
        for lane #3 < n3 {
          %0: f32 = load x1[#0*s1_0 + #1*s1_1 + #2*s1_2 + #3]
          %1: f32 = load x2[#1*s2_1 + #3]
          %2: f32 = mul %0 %1
          %3: f32 = load x3[#0*s3_0 + #1*s3_1 + #2*s3_2 + #3]
          %4: f32 = load x4[#1*s4_1 + #3]
          %5: f32 = mul %3 %4
          %6: f32 = add %2 %5
          store y0[#0*s0_0 + #1*s0_1 + #2*s0_2 + #3] %6
        }
      }
    }
  }
}
