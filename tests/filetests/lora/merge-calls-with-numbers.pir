; test: pass lora mode=merge
; TorchScript numbers the calls of a module, which read one weight; another weight is another module's.
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  const %other = f32[2, 2] {5, 6, 7, 8}
  %a = MatMul(%x, %w) name "/layer/query/MatMul"
  %b = MatMul(%a, %w) name "/layer/query_1/MatMul"
  %y = MatMul(%b, %other) name "/layer/query_2/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.layer.query.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.layer.query.lora_B.weight = f32[2, 1] {1, 2}
---
; layer.query: r=1 scale=2, 4 parameters, w
; pass 1 (lora): layer.query: 4 merged
; pass 1 (lora): layer.query: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 2] {3.0, 6.0, 23.0, 44.0}
  const %other = f32[2, 2] {5.0, 6.0, 7.0, 8.0}
  %a = MatMul(%x, %w) name "/layer/query/MatMul"
  %b = MatMul(%a, %w) name "/layer/query_1/MatMul"
  %y = MatMul(%b, %other) name "/layer/query_2/MatMul"
}
