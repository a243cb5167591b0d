; test: pass bottleneck
model ir=8 opset ""=17 opset "com.microsoft"=1
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1, 0, 0, 0, 1, 0}
  const %w2 = f32[3, 2] {1, 2, 3, 4, 5, 6}
  const %b2 = f32[2] {1, 1}
  const %g = f32[2] {1, 1}
  const %be = f32[2] {0, 0}
  %n = LayerNormalization(%x, %g, %be) {axis: -1}
  %u = MatMul(%n, %w1) name "/layers.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/layers.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %y, %unused, %unused2, %s = "com.microsoft"::SkipLayerNormalization(%h, %x, %g, %be) {epsilon: 0.00001}
}
--- adapter
{"config": {"mh_adapter": false, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2, "original_ln_before": true}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %layers.0.output_adapters.adapters.a.adapter_down.0.weight = f32[1, 2] {1, 10}
const %layers.0.output_adapters.adapters.a.adapter_down.0.bias = f32[1] {5}
const %layers.0.output_adapters.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_up.bias = f32[2] {3, 4}
---
error: pass "bottleneck" (plugin peftc-plugin-bottleneck 0.1.0): layers.0.output_adapters: the model adds this sublayer and computes the norm of the next one in one operator (SkipLayerNormalization), between which this adapter stands: use the export itself, not what ONNX Runtime made of it
