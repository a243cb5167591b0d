; test: pass lora
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  %y = MatMul(%x, %w) name "/vit/layers.0/attention/k_proj/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 1}
const %base_model.model.vit.encoder.layer.0.attention.attention.key.lora_A.weight = f32[1, 2] {1, 2}
const %base_model.model.vit.encoder.layer.0.attention.attention.key.lora_B.weight = f32[2, 1] {10, 100}
---
; vit.encoder.layer.0.attention.attention.key: r=1 scale=1, 4 parameters, w
; pass 1 (lora): vit.encoder.layer.0.attention.attention.key: 4 merged
; pass 1 (lora): vit.encoder.layer.0.attention.attention.key: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w = f32[2, 2] {11.0, 102.0, 23.0, 204.0}
  %y = MatMul(%x, %w) name "/vit/layers.0/attention/k_proj/MatMul"
}
