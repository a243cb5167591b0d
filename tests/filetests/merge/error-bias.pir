; test: pass merge method="ties" density=0.5
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[3, 2] {0, 0, 0, 0, 0, 0}
  %y = Gemm(%x, %w) name "/q/Gemm" {transB: 1}
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 1, "lora_bias": true}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {2, 1, 0}
const %base_model.model.q.lora_B.bias = f32[3] {1, 2, 3}
---
error: pass "merge" (plugin peftc-plugin-merge 0.1.0): q: ties chooses among elements of weights, and has no rule for biases (lora_B.bias): linear, cat, svd, equal, inverse-norm, inverse-variance add them up
