; test: pass ia3 mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %h = MatMul(%x, %w) name "/q/MatMul"
  %d = Identity(%h) name "d" meta {"peftc.role": "lora.B"}
  %y = Add(%h, %d) name "s" meta {"peftc.role": "lora.add"}
}
--- adapter
{"peft_type": "IA3"}
const %base_model.model.q.ia3_l = f32[3, 1] {1, 10, 100}
---
error: pass "ia3" (plugin peftc-plugin-ia3 0.1.0): q: a side branch is added to it, and scales cannot be merged: mode = "inject" keeps them beside it
