; test: pass bottleneck
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 2] {1, 0, 0, 1}
  %y = MatMul(%x, %w)
}
--- adapter
{"config": {"mh_adapter": false, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %layers.0.output_adapters.adapters.a.adapter_down.0.weight = f32[1, 2] {1, 10}
const %layers.0.output_adapters.adapters.a.adapter_down.0.bias = f32[1] {5}
const %layers.0.output_adapters.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_up.bias = f32[2] {3, 4}
---
error: pass "bottleneck" (plugin peftc-plugin-bottleneck 0.1.0): the model has no feed-forward sublayer of layer 0, which "layers.0.output_adapters" names
  looked for linear layers whose output is added to what they were computed from; of 1 linear layers none is such
