; test: pass lora mode=merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %q.weight = f32[3, 2] {0, 0, 0, 0, 0, 0}
  const %b = f32[3] {1, 1, 1}
  %t = Transpose(%q.weight) {perm: ints [1, 0]}
  %h = MatMul(%x, %t)
  %y = Add(%h, %b)
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {1, 2, 3}
---
error: pass "lora" (plugin peftc-plugin-lora 0.1.0): no linear layer of the model matches "q"
  it has 1 linear layers, but none has a module name: neither node names nor metadata say it. Models saved by ONNX Runtime's optimizer lose the metadata: use the export itself
