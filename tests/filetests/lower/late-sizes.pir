; test: lower
; How many elements there are is known behind a step.
model ir=10 opset ""=18
graph g(%x: f32[n]) -> (%y) {
  %a = Relu(%x)
  %f = NonZero(%a)
  const %first = i64[1] {0}
  %i = Squeeze(%f, %first)
  %g = Gather(%a, %i)
  %y = Tanh(%g)
}
---
b0 = input 0: n of f32
b1 = made: n of f32
b2 = value: size(v2.1, 1) of i64
b3 = made: size(v2.1, 1) of f32
size size(v2.1, 1) = axis 1 of b2 behind step 1
0: Relu: kernel 0 over (n), split Columns(0)
     b1 by (1)
     b0 by (1)
1: NonZero: reference (b1[n] by (1): f32) -> b2 "f"
2: Gather: kernel 1 over (size(v2.1, 1)), split Columns(0)
     b3 by (1)
     b2 by (1), places of n
     b1 by (0)
out b3[size(v2.1, 1)] by (1): f32

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

1: kernel map(n0, t5, w5) out y0: f32, x1: i64, x2: f32 {
  %0: i64 = const 0.0
  %1: i64 = const 1.0
  for lane #0 < n0 {
    %2: i64 = load x1[#0]
    %3: bool = less %2 %0
    %4: i64 = select %3 %1 %0
    %5: f32 = load x2[%2*t5 + %4*w5]
    %6: f32 = const 10.0
    %7: bool = less %6 %5
    %8: f32 = const 10.0
    %9: f32 = select %7 %8 %5
    %10: f32 = const 2.0
    %11: f32 = mul %9 %10
    %12: f32 = const -20.0
    %13: bool = less %11 %12
    %14: f32 = const -20.0
    %15: f32 = select %13 %14 %11
    %16: f32 = const 1.4426950408889634
    %17: f32 = mul %15 %16
    %18: f32 = nearest %17
    %19: f32 = const -0.693359375
    %20: f32 = fma %18 %19 %15
    %21: f32 = const 0.00021219444005469057
    %22: f32 = fma %18 %21 %20
    %23: f32 = mul %22 %22
    %24: f32 = const 0.001388249865
    %25: f32 = const 0.008366646802
    %26: f32 = fma %24 %22 %25
    %27: f32 = const 0.0416672039
    %28: f32 = fma %26 %22 %27
    %29: f32 = const 0.1666654268
    %30: f32 = fma %28 %22 %29
    %31: f32 = const 0.4999999813
    %32: f32 = fma %30 %22 %31
    %33: f32 = fma %23 %32 %22
    %34: f32 = const 1.0
    %35: f32 = scale2 %34 %18
    %36: f32 = const 1.0
    %37: f32 = sub %35 %36
    %38: f32 = fma %35 %33 %37
    %39: f32 = const 2.0
    %40: f32 = add %38 %39
    %41: f32 = div %38 %40
    store y0[#0] %41
  }
}
