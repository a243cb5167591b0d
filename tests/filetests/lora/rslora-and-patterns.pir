; test: pass lora mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0, 0, 0, 0, 0, 0}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "use_rslora": true, "rank_pattern": {"q": 4}, "alpha_pattern": {".*": 6}}
const %base_model.model.q.lora_A.weight = f32[4, 2] {1, 10, 0, 0, 0, 0, 0, 0}
const %base_model.model.q.lora_B.weight = f32[3, 4] {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}
---
; q: r=4 scale=3, 20 parameters, w
; pass 1 (lora): q: 6 merged
; pass 1 (lora): q: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {3.0, 6.0, 9.0, 30.0, 60.0, 90.0}
  const %b = f32[3] {1.0, 1.0, 1.0}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
