; test: pass ia3
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 6] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
  const %b = f32[6] {1, 1, 1, 1, 1, 1}
  %y = Gemm(%x, %w, %b) name "/h.0/attn/c_attn/Gemm"
}
--- adapter
{"config": {"architecture": "lora", "composition_mode": "scale", "r": 1, "alpha": 1, "attn_matrices": ["k"], "use_gating": false}, "name": "a", "version": "adapters.1.2.0"}
const %h.0.attn.c_attn.loras.a.lora_B = f32[4, 1] {2, 3, 4, 5}
---
error: pass "ia3" (plugin peftc-plugin-ia3 0.1.0): h.0.attn.c_attn: lora_B is [4, 1], expected [6, 1] for the outputs of the layer, [2, 1] for those of attn_matrices or [1, 2] for its inputs
