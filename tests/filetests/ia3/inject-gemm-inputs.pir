; test: pass ia3 mode=inject
model ir=8 opset ""=17
graph g(%x: f16[2, n]) -> (%y) {
  const %w = f16[3, 2] {1, 2, 3, 4, 5, 6}
  const %b = f16[3] {1, 1, 1}
  %y = Gemm(%x, %w, %b) name "/q/Gemm" {transA: 1, transB: 1, beta: 0.5}
}
--- adapter
{"peft_type": "IA3", "target_modules": ["q"], "feedforward_modules": ["q"]}
const %base_model.model.q.ia3_l = f32[1, 2] {2, 3}
---
; q: scales of inputs, 2 parameters, 2 FLOPs per token, w
model ir=8 opset ""=17
graph g(%x: f16[2, n]) -> (%y) {
  const %w = f16[3, 2] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b = f16[3] {1.0, 1.0, 1.0}
  const %q.ia3_l = f16[2, 1] {2.0, 3.0} meta {"peftc.role": "ia3"}
  %/q/ia3/Mul_output_0 = Mul(%x, %q.ia3_l) name "/q/ia3/Mul" meta {"peftc.role": "ia3.mul", "peftc.site": "q"}
  %y = Gemm(%/q/ia3/Mul_output_0, %w, %b) name "/q/Gemm" {transA: 1, transB: 1, beta: 0.5}
}
