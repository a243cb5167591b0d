; test: pass ia3 mode=merge
model ir=8 opset ""=17
graph g(%x: f16[2, n]) -> (%y) {
  const %w = f16[3, 2] {1, 2, 3, 4, 5, 6}
  const %b = f16[3] {1, 1, 1}
  %y = Gemm(%x, %w, %b) name "/q/Gemm" {transA: 1, transB: 1, beta: 0.5}
}
--- adapter
{"peft_type": "IA3", "target_modules": ["q"], "feedforward_modules": []}
const %base_model.model.q.ia3_l = f32[3, 1] {1, 10, 100}
---
; q: scales of outputs, 3 parameters, w
model ir=8 opset ""=17
graph g(%x: f16[2, n]) -> (%y) {
  const %w = f16[3, 2] {1.0, 2.0, 30.0, 40.0, 500.0, 600.0}
  const %b = f16[3] {1.0, 10.0, 100.0}
  %y = Gemm(%x, %w, %b) name "/q/Gemm" {transA: 1, transB: 1, beta: 0.5}
}
