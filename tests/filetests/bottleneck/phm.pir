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
{"config": {"mh_adapter": false, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2, "phm_layer": true, "phm_dim": 2}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %layers.0.output_adapters.adapters.a.adapter_down.0.W_left = f32[2, 1, 1] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_down.0.W_right = f32[2, 1, 1] {3, 4}
const %layers.0.output_adapters.adapters.a.adapter_down.0.b = f32[2] {5, 6}
const %layers.0.output_adapters.adapters.a.adapter_up.W = f32[2, 1, 1] {7, 8}
const %shared_parameters.a.phm_rule = f32[2, 2, 2] {1, 0, 0, 1, 0, 1, 1, 0}
---
; layers.0.output_adapters: feed-forward b=2 relu, 8 parameters, 16 FLOPs per token, h
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1.0, 0.0, 0.0, 0.0, 1.0, 0.0}
  const %w2 = f32[3, 2] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b2 = f32[2] {1.0, 1.0}
  const %g = f32[2] {1.0, 1.0}
  const %be = f32[2] {0.0, 0.0}
  const %layers.0.output_adapters.adapters.adapter_down.weight = f32[2, 2] {3.0, 8.0, 8.0, 3.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_down.bias = f32[2] {5.0, 6.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_up.weight = f32[2, 2] {7.0, 8.0, 8.0, 7.0} meta {"peftc.role": "bottleneck"}
  %u = MatMul(%x, %w1) name "/layers.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/layers.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %/layers/0/output_adapters/adapters/down/MatMul_output_0 = MatMul(%h, %layers.0.output_adapters.adapters.adapter_down.weight) name "/layers/0/output_adapters/adapters/down/MatMul" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/down/Add_output_0 = Add(%/layers/0/output_adapters/adapters/down/MatMul_output_0, %layers.0.output_adapters.adapters.adapter_down.bias) name "/layers/0/output_adapters/adapters/down/Add" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/act/Relu_output_0 = Relu(%/layers/0/output_adapters/adapters/down/Add_output_0) name "/layers/0/output_adapters/adapters/act/Relu" meta {"peftc.role": "bottleneck.act", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/up/MatMul_output_0 = MatMul(%/layers/0/output_adapters/adapters/act/Relu_output_0, %layers.0.output_adapters.adapters.adapter_up.weight) name "/layers/0/output_adapters/adapters/up/MatMul" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/residual/Add_output_0 = Add(%/layers/0/output_adapters/adapters/up/MatMul_output_0, %h) name "/layers/0/output_adapters/adapters/residual/Add" meta {"peftc.role": "bottleneck.residual", "peftc.site": "layers.0.output_adapters"}
  %s = Add(%/layers/0/output_adapters/adapters/residual/Add_output_0, %x)
  %y = LayerNormalization(%s, %g, %be) {axis: -1}
}
