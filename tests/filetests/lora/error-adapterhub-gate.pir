; test: pass lora
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 6] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
  const %b = f32[6] {1, 1, 1, 1, 1, 1}
  %y = Gemm(%x, %w, %b) name "/h.0/attn/c_attn/Gemm"
}
--- adapter
{"config": {"architecture": "lora", "composition_mode": "add", "r": 1, "alpha": 2, "attn_matrices": ["q", "v"], "use_gating": true}, "name": "a", "version": "adapters.1.2.0"}
const %h.0.attn.c_attn.loras.a.lora_A = f32[2, 2] {1, 10, 100, 1000}
const %h.0.attn.c_attn.loras.a.lora_B = f32[4, 1] {1, 2, 3, 4}
---
error: pass "lora" (plugin peftc-plugin-lora 0.1.0): the adapter uses gates (use_gating), which this version cannot apply; plain LoRA and rsLoRA can be
