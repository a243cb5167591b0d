; test: lower
; An output lies otherwise than the kernel that makes it.
model ir=10 opset ""=18
graph g(%x: f32[m, n]) -> (%y) {
  %a = Relu(%x)
  %y = Transpose(%a)
}
---
b0 = input 0: m*n of f32
b1 = made: m*n of f32
0: Relu: kernel 0 over (m*n), split Columns(0)
     b1 by (1)
     b0 by (1)
out b1[n, m] by (1, n): f32

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
