; test: pass lora mode=inject
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 6] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
  const %b = f32[6] {1, 1, 1, 1, 1, 1}
  %y = Gemm(%x, %w, %b) name "/h.0/attn/c_attn/Gemm"
}
--- adapter
{"config": {"architecture": "lora", "composition_mode": "add", "r": 1, "alpha": 2, "attn_matrices": ["q", "v"], "use_gating": false}, "name": "a", "version": "adapters.1.2.0"}
const %h.0.attn.c_attn.loras.a.lora_A = f32[2, 2] {1, 10, 100, 1000}
const %h.0.attn.c_attn.loras.a.lora_B = f32[4, 1] {1, 2, 3, 4}
---
; h.0.attn.c_attn: r=1 scale=2, 8 parameters, 32 FLOPs per token, y
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 6] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0}
  const %b = f32[6] {1.0, 1.0, 1.0, 1.0, 1.0, 1.0}
  const %h.0.attn.c_attn.lora_A.weight = f32[2, 2] {1.0, 100.0, 10.0, 1000.0} meta {"peftc.role": "lora"}
  const %h.0.attn.c_attn.lora_B.weight = f32[2, 6] {2.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 6.0, 8.0} meta {"peftc.role": "lora"}
  %/h/0/attn/c_attn/lora_A/MatMul_output_0 = MatMul(%x, %h.0.attn.c_attn.lora_A.weight) name "/h/0/attn/c_attn/lora_A/MatMul" meta {"peftc.role": "lora.A", "peftc.site": "h.0.attn.c_attn"}
  %/h/0/attn/c_attn/lora_B/MatMul_output_0 = MatMul(%/h/0/attn/c_attn/lora_A/MatMul_output_0, %h.0.attn.c_attn.lora_B.weight) name "/h/0/attn/c_attn/lora_B/MatMul" meta {"peftc.role": "lora.B", "peftc.site": "h.0.attn.c_attn"}
  %y.1 = Gemm(%x, %w, %b) name "/h.0/attn/c_attn/Gemm"
  %y = Add(%y.1, %/h/0/attn/c_attn/lora_B/MatMul_output_0) name "/h/0/attn/c_attn/lora/Add" meta {"peftc.role": "lora.add", "peftc.site": "h.0.attn.c_attn"}
}
