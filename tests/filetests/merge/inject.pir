; test: pass merge mode=inject weights=[1,-1]
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {1, 2, 3}
--- adapter
{"peft_type": "LORA", "r": 2, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[2, 2] {1, 0, 0, 1}
const %base_model.model.q.lora_B.weight = f32[3, 2] {1, 0, 0, 1, -1, -1}
---
; q: ranks 1 + 2, 15 parameters, 30 FLOPs per token, y
; note: linear: Σ λΔ; λ 1, -1
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %q.lora_A.weight = f32[2, 3] {1.0, 1.0, 0.0, 10.0, 0.0, 1.0} meta {"peftc.role": "merge"}
  const %q.lora_B.weight = f32[3, 3] {2.0, 4.0, 6.0, -1.0, -0.0, 1.0, -0.0, -1.0, 1.0} meta {"peftc.role": "merge"}
  %/q/lora_A/MatMul_output_0 = MatMul(%x, %q.lora_A.weight) name "/q/lora_A/MatMul" meta {"peftc.role": "lora.A", "peftc.site": "q"}
  %/q/lora_B/MatMul_output_0 = MatMul(%/q/lora_A/MatMul_output_0, %q.lora_B.weight) name "/q/lora_B/MatMul" meta {"peftc.role": "lora.B", "peftc.site": "q"}
  %y.1 = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%y.1, %/q/lora_B/MatMul_output_0) name "/q/merge/Add" meta {"peftc.role": "merge.add", "peftc.site": "q"}
}
