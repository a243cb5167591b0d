; test: lower
; GELU and a bias become the tail of a product.
model ir=10 opset ""=18
graph g(%x: f32[b, s, 4], %w: f32[4, 8]) -> (%y) {
  const %bias = f32[8] {1, 2, 3, 4, 5, 6, 7, 8}
  const %root = f32[] {1.4142135}
  const %one = f32[] {1.0}
  const %half = f32[] {0.5}
  %p = MatMul(%x, %w)
  %a = Add(%p, %bias)
  %d = Div(%a, %root)
  %e = Erf(%d)
  %f = Add(%e, %one)
  %m = Mul(%a, %f)
  %y = Mul(%m, %half)
}
---
b0 = input 0: 4*b*s of f32
b1 = input 1: 32 of f32
b2 = constant: 8 of f32
b3 = made: 8*b*s of f32
0: MatMul: product
   a b0[b*s, 4] by (4, 1)
   b b1[4, 8] by (8, 1)
   c b3[b*s, 8] by (8, 1)
   tail kernel 0 over (b*s, 8), split Tiles(1)
     b3 by (8, 1)
     b2 by (0, 1)
out b3[b, s, 8] by (8*s, 8, 1): f32

0: kernel tail(n0, n1, s0_0) out y0: f32, x1: f32 {
  for grid #0 < n0 {
    for lane #1 < n1 {
      %0: f32 = load y0[#0*s0_0 + #1]
      %1: f32 = load x1[#1]
      %2: f32 = add %0 %1
      %3: f32 = mul %2 %2
      %4: f32 = const 29.160000000000004
      %5: bool = less %4 %3
      %6: f32 = const 29.160000000000004
      %7: f32 = select %5 %6 %3
      %8: f32 = const 2.359105471e-8
      %9: f32 = const 6.323737843e-6
      %10: f32 = fma %8 %7 %9
      %11: f32 = const 0.0001606957895
      %12: f32 = fma %10 %7 %11
      %13: f32 = const 0.004628968695
      %14: f32 = fma %12 %7 %13
      %15: f32 = const 0.03302943529
      %16: f32 = fma %14 %7 %15
      %17: f32 = const 0.3989422754
      %18: f32 = fma %16 %7 %17
      %19: f32 = mul %2 %18
      %20: f32 = const 1.21982685e-6
      %21: f32 = const 7.117322417e-5
      %22: f32 = fma %20 %7 %21
      %23: f32 = const 0.001838659112
      %24: f32 = fma %22 %7 %23
      %25: f32 = const 0.02818013595
      %26: f32 = fma %24 %7 %25
      %27: f32 = const 0.2494589796
      %28: f32 = fma %26 %7 %27
      %29: f32 = const 1.0
      %30: f32 = fma %28 %7 %29
      %31: f32 = div %19 %30
      %32: f32 = const -0.5
      %33: bool = less %31 %32
      %34: f32 = const -0.5
      %35: f32 = select %33 %34 %31
      %36: f32 = const 0.5
      %37: bool = less %36 %35
      %38: f32 = const 0.5
      %39: f32 = select %37 %38 %35
      %40: f32 = const 0.5
      %41: f32 = add %39 %40
      %42: f32 = mul %2 %41
      store y0[#0*s0_0 + #1] %42
    }
  }
}
