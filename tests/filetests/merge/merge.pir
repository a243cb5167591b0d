; test: pass merge
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
; note: linear: Σ λΔ; λ 0.5, 0.5
; pass 1 (merge): q: 6 merged
; pass 1 (merge): q: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {2.5, 4.0, 5.5, 14.0, 25.5, 35.5}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
