; test: pass ia3
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 6] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
  const %b = f32[6] {1, 1, 1, 1, 1, 1}
  %y = Gemm(%x, %w, %b) name "/h.0/attn/c_attn/Gemm"
}
--- adapter
{"config": {"architecture": "lora", "composition_mode": "scale", "r": 1, "alpha": 2, "attn_matrices": ["v", "k"], "use_gating": false}, "name": "a", "version": "adapters.1.2.0"}
const %h.0.attn.c_attn.loras.a.lora_B = f32[4, 1] {2, 3, 4, 5}
---
; h.0.attn.c_attn: scales of outputs, 4 parameters, w
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 6] {2.0, 4.0, 12.0, 24.0, 40.0, 60.0, 14.0, 16.0, 36.0, 60.0, 88.0, 120.0}
  const %b = f32[6] {2.0, 2.0, 4.0, 6.0, 8.0, 10.0}
  %y = Gemm(%x, %w, %b) name "/h.0/attn/c_attn/Gemm"
}
