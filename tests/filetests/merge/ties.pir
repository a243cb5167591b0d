; test: pass merge method=ties density=0.5
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
; q: ranks 1 + 2, 15 parameters, w
; note: ties: Δ trimmed to its largest elements; the mean of the λΔ that have the sign of their sum; λ 1, 1
; pass 1 (merge): q: 6 merged
; pass 1 (merge): q: 1 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {2.0, 2.0, 2.0, 24.0, 25.5, 66.0}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
