; test: lower
; Integers that become sizes are computed by no kernel.
model ir=10 opset ""=18
graph g(%x: f32[b, s, 8]) -> (%y, %n) {
  const %zero = i64[1] {0}
  const %one = i64[1] {1}
  const %heads = i64[2] {2, 4}
  %shape = Shape(%x)
  %batch = Slice(%shape, %zero, %one)
  %rest = Slice(%shape, %one, %heads)
  %n = Mul(%batch, %batch)
  %s = Gather(%shape, %one)
  %wanted = Concat(%batch, %s, %heads) {axis: 0}
  %r = Reshape(%x, %wanted)
  %y = Relu(%r)
}
---
b0 = input 0: 8*b*s of f32
b1 = made: 1 of i64
b2 = made: 8*b*s of f32
0: Mul: b1[1] by (1) = b*b
1: Relu: kernel 0 over (8*b*s), split Columns(0)
     b2 by (1)
     b0 by (1)
out b2[b, s, 2, 4] by (8*s, 8, 4, 1): f32
out b1[1] by (1): i64

0: kernel map(n0) out y0: f32, x1: f32 {
  for lane #0 < n0 {
    %0: f32 = load x1[#0]
    %1: f32 = const 0.0
    %2: bool = less %0 %1
    %3: f32 = const 0.0
    %4: f32 = select %2 %3 %0
    store y0[#0] %4
  }
}
