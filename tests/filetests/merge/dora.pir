; test: pass merge weights=[1,0.5]
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "use_dora": true}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {2, 1, 0}
const %base_model.model.q.lora_magnitude_vector = f32[3] {1, 2, 3}
--- adapter
{"peft_type": "LORA", "r": 2, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[2, 2] {1, 0, 0, 1}
const %base_model.model.q.lora_B.weight = f32[3, 2] {1, 0, 0, 1, -1, -1}
---
; q: ranks 1 + 2, 18 parameters, w
; note: linear: Σ λΔ; λ 1, 0.5
; pass 1 (merge): q: 6 merged
; pass 1 (merge): q: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0.62403476, 0.3922323, 0.8416407, 0.99227786, 2.4611614, 2.1832817}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
