; test: pass ia3
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 6] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
  const %b = f32[6] {1, 1, 1, 1, 1, 1}
  %y = Gemm(%x, %w, %b) name "/h.0/attn/c_attn/Gemm"
}
--- adapter
{"config": {"architecture": "lora", "composition_mode": "scale", "r": 1, "alpha": 1, "attn_matrices": ["v", "k"], "use_gating": true}, "name": "a", "version": "adapters.1.2.0"}
const %h.0.attn.c_attn.loras.a.lora_B = f32[4, 1] {2, 3, 4, 5}
---
error: pass "ia3" (plugin peftc-plugin-ia3 0.1.0): the adapter has gates (use_gating), which this version cannot apply; IA3 without them can be
