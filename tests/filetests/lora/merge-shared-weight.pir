; test: pass lora mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0, 0, 0, 0, 0, 0}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %k = MatMul(%x, %w) name "/k/MatMul"
  %y = Add(%h, %k)
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {1, 2, 3}
---
; q: r=1 scale=2, 5 parameters, w
; copied: w stays for 1 other use(s), q.weight.merged is the changed copy
; pass 1 (lora): q: 6 merged
; pass 1 (lora): q: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {0.0, 0.0, 0.0, 0.0, 0.0, 0.0}
  const %q.weight.merged = f32[2, 3] {2.0, 4.0, 6.0, 20.0, 40.0, 60.0}
  %h = MatMul(%x, %q.weight.merged) name "/q/MatMul"
  %k = MatMul(%x, %w) name "/k/MatMul"
  %y = Add(%h, %k)
}
