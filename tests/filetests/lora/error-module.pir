; test: pass lora mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0, 0, 0, 0, 0, 0}
  const %b = f32[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.layers.0.qq.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.layers.0.qq.lora_B.weight = f32[3, 1] {1, 2, 3}
---
error: pass "lora" (plugin peftc-plugin-lora 0.1.0): no linear layer of the model matches "layers.0.qq"
  it has 1 linear layers, such as q
