; test: pass lora mode=merge
model ir=8 opset ""=17
graph g(%x: f16[n, 2]) -> (%y) {
  const %w = f16[2, 3] {1000, 1, 0.001, 1000, 2048, 2048}
  const %b = f16[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {1, 2, 3}
---
; q: r=1 scale=2, 5 parameters, w
; pass 1 (lora): q: 6 merged
; pass 1 (lora): q: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f16[n, 2]) -> (%y) {
  const %w = f16[2, 3] {1002.0, 5.0, 6.0, 1020.0, 2088.0, 2108.0}
  const %b = f16[3] {1.0, 1.0, 1.0}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
