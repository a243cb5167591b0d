; test: lower
; A function is inlined; its operators join those around.
model ir=10 opset ""=18 opset "f"=1
function "f" "Scale" opset ""=18 attribute "by"
graph Scale(%x) -> (%y) {
  %c = Constant() {value_float: ref float by}
  %y = Mul(%x, %c)
}
graph main(%x: f32[n]) -> (%y) {
  %a = Relu(%x)
  %b = "f"::Scale(%a) {by: 3.0}
  %y = Tanh(%b)
}
---
b0 = input 0: n of f32
b1 = made: n of f32
0: Relu: kernel 0 over (n), split Columns(0)
     b1 by (1)
     b0 by (1)
out b1[n] by (1): f32

0: kernel map(n0) out y0: f32, x1: f32 {
  %0: f32 = const 3.0
  for lane #0 < n0 {
    %1: f32 = load x1[#0]
    %2: f32 = const 0.0
    %3: bool = less %1 %2
    %4: f32 = const 0.0
    %5: f32 = select %3 %4 %1
    %6: f32 = mul %5 %0
    %7: f32 = const 10.0
    %8: bool = less %7 %6
    %9: f32 = const 10.0
    %10: f32 = select %8 %9 %6
    %11: f32 = const 2.0
    %12: f32 = mul %10 %11
    %13: f32 = const -20.0
    %14: bool = less %12 %13
    %15: f32 = const -20.0
    %16: f32 = select %14 %15 %12
    %17: f32 = const 1.4426950408889634
    %18: f32 = mul %16 %17
    %19: f32 = nearest %18
    %20: f32 = const -0.693359375
    %21: f32 = fma %19 %20 %16
    %22: f32 = const 0.00021219444005469057
    %23: f32 = fma %19 %22 %21
    %24: f32 = mul %23 %23
    %25: f32 = const 0.001388249865
    %26: f32 = const 0.008366646802
    %27: f32 = fma %25 %23 %26
    %28: f32 = const 0.0416672039
    %29: f32 = fma %27 %23 %28
    %30: f32 = const 0.1666654268
    %31: f32 = fma %29 %23 %30
    %32: f32 = const 0.4999999813
    %33: f32 = fma %31 %23 %32
    %34: f32 = fma %24 %33 %23
    %35: f32 = const 1.0
    %36: f32 = scale2 %35 %19
    %37: f32 = const 1.0
    %38: f32 = sub %36 %37
    %39: f32 = fma %36 %34 %38
    %40: f32 = const 2.0
    %41: f32 = add %39 %40
    %42: f32 = div %39 %41
    store y0[#0] %42
  }
}
