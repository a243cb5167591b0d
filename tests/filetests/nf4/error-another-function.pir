; test: pass nf4
model ir=8 opset ""=17 opset "peftc"=1
function "peftc" "Dequantize4Bit" opset ""=17
graph Dequantize4Bit(%a) -> (%b) {
  %b = Identity(%a)
}
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = "peftc"::Dequantize4Bit(%h)
}
---
error: pass "nf4" (plugin peftc-plugin-nf4 0.1.0): the model has another function peftc::Dequantize4Bit, as another version of this pass may have written it
