; test: pass bottleneck
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1, 0, 0, 0, 1, 0}
  const %w2 = f32[3, 2] {1, 2, 3, 4, 5, 6}
  const %b2 = f32[2] {1, 1}
  const %g = f32[2] {1, 1}
  const %be = f32[2] {0, 0}
  %u = MatMul(%x, %w1) name "/layers.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/layers.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %s = Add(%h, %x)
  %y = LayerNormalization(%s, %g, %be) {axis: -1}
}
--- adapter
{"config": {"mh_adapter": false, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2, "adapter_interface": true}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %layers.0.output_adapters.adapters.a.adapter_down.0.weight = f32[1, 2] {1, 10}
const %layers.0.output_adapters.adapters.a.adapter_down.0.bias = f32[1] {5}
const %layers.0.output_adapters.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_up.bias = f32[2] {3, 4}
---
error: pass "bottleneck" (plugin peftc-plugin-bottleneck 0.1.0): the adapter was made through AdapterHub's plugin interface (adapter_interface.json), whose hooks compute something else; accepted: adapters for the models that AdapterHub itself supports
