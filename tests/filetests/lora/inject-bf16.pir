; test: pass lora mode=inject
model ir=8 opset ""=17
graph g(%x: bf16[n, 2]) -> (%y) {
  const %w = bf16[2, 3] {0, 0, 0, 0, 0, 0}
  const %b = bf16[3] {1, 1, 1}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %y = Add(%h, %b) name "/q/Add"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {1, 2, 3}
---
; q: r=1 scale=2, 5 parameters, 10 FLOPs per token, h
model ir=8 opset ""=17
graph g(%x: bf16[n, 2]) -> (%y) {
  const %w = bf16[2, 3] {0.0, 0.0, 0.0, 0.0, 0.0, 0.0}
  const %b = bf16[3] {1.0, 1.0, 1.0}
  const %q.lora_A.weight = bf16[2, 1] {1.0, 10.0} meta {"peftc.role": "lora"}
  const %q.lora_B.weight = bf16[1, 3] {2.0, 4.0, 6.0} meta {"peftc.role": "lora"}
  %/q/lora_A/MatMul_output_0 = MatMul(%x, %q.lora_A.weight) name "/q/lora_A/MatMul" meta {"peftc.role": "lora.A", "peftc.site": "q"}
  %/q/lora_B/MatMul_output_0 = MatMul(%/q/lora_A/MatMul_output_0, %q.lora_B.weight) name "/q/lora_B/MatMul" meta {"peftc.role": "lora.B", "peftc.site": "q"}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %/q/lora/Add_output_0 = Add(%h, %/q/lora_B/MatMul_output_0) name "/q/lora/Add" meta {"peftc.role": "lora.add", "peftc.site": "q"}
  %y = Add(%/q/lora/Add_output_0, %b) name "/q/Add"
}
