; test: pass merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "use_dora": true}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 4}
const %base_model.model.q.lora_B.weight = f32[3, 1] {-1, 0, 0}
const %base_model.model.q.lora_magnitude_vector = f32[3] {1, 2, 3}
---
error: pass 1 (merge): q (scales): plugin peftc-plugin-merge 0.1.0: row 0 of W + s·B·A has the norm 0
