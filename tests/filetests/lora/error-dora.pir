; test: pass lora mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0, 0, 0, 0, 0, 0}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2, "use_dora": true}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {1, 2, 3}
---
error: pass "lora" (plugin peftc-plugin-lora 0.1.0): the adapter uses DoRA (use_dora), which the pass "merge" applies
