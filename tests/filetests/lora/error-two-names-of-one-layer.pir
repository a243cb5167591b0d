; test: pass lora mode=inject
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %y = MatMul(%x, %w) name "/block.0/layer.0/SelfAttention/k/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 1}
const %base_model.model.encoder.block.0.layer.0.SelfAttention.k.lora_A.weight = f32[1, 2] {1, 2}
const %base_model.model.encoder.block.0.layer.0.SelfAttention.k.lora_B.weight = f32[2, 1] {10, 100}
const %base_model.model.decoder.block.0.layer.0.SelfAttention.k.lora_A.weight = f32[1, 2] {1, 2}
const %base_model.model.decoder.block.0.layer.0.SelfAttention.k.lora_B.weight = f32[2, 1] {10, 100}
---
error: pass "lora" (plugin peftc-plugin-lora 0.1.0): decoder.block.0.layer.0.SelfAttention.k and encoder.block.0.layer.0.SelfAttention.k are one layer of the model: the adapter is for a model of more stacks
