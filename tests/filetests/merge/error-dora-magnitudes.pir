; test: pass merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "use_dora": true}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {2, 1, 0}
const %base_model.model.q.lora_magnitude_vector = f32[2] {1, 2}
---
error: pass "merge" (plugin peftc-plugin-merge 0.1.0): 0/q.lora_magnitude_vector has 2 elements, the model's weight 3 outputs
