; test: pass bottleneck
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w = f32[2, 2] {1, 2, 3, 4}
  const %g = f32[2] {1, 1}
  const %be = f32[2] {0, 0}
  %n = LayerNormalization(%x, %g, %be) {axis: -1}
  %q = MatMul(%n, %w) name "/layers.0/attn/q/MatMul"
  %k = MatMul(%n, %w) name "/layers.0/attn/k/MatMul"
  %v = MatMul(%n, %w) name "/layers.0/attn/v/MatMul"
  %t = Transpose(%k) {perm: ints [0, 2, 1]}
  %s = MatMul(%q, %t)
  %p = Softmax(%s)
  %c = MatMul(%p, %v)
  %o = MatMul(%c, %w) name "/layers.0/attn/out/MatMul"
  %u = MatMul(%n, %w) name "/layers.0/mlp/fc1/MatMul"
  %r = Relu(%u)
  %f = MatMul(%r, %w) name "/layers.0/mlp/fc2/MatMul"
  %b = Add(%o, %f)
  %y = Add(%b, %x)
}
--- adapter
{"config": {"mh_adapter": false, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2, "original_ln_before": true, "original_ln_after": true}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %layers.0.output_adapters.adapters.a.adapter_down.0.weight = f32[1, 2] {1, 10}
const %layers.0.output_adapters.adapters.a.adapter_down.0.bias = f32[1] {5}
const %layers.0.output_adapters.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_up.bias = f32[2] {3, 4}
---
; layers.0.output_adapters: feed-forward b=1 relu, 7 parameters, 8 FLOPs per token, f
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w = f32[2, 2] {1.0, 2.0, 3.0, 4.0}
  const %g = f32[2] {1.0, 1.0}
  const %be = f32[2] {0.0, 0.0}
  const %layers.0.output_adapters.adapters.adapter_down.weight = f32[2, 1] {1.0, 10.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_down.bias = f32[1] {5.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_up.weight = f32[1, 2] {1.0, 2.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_up.bias = f32[2] {3.0, 4.0} meta {"peftc.role": "bottleneck"}
  %n = LayerNormalization(%x, %g, %be) {axis: -1}
  %q = MatMul(%n, %w) name "/layers.0/attn/q/MatMul"
  %k = MatMul(%n, %w) name "/layers.0/attn/k/MatMul"
  %v = MatMul(%n, %w) name "/layers.0/attn/v/MatMul"
  %t = Transpose(%k) {perm: ints [0, 2, 1]}
  %s = MatMul(%q, %t)
  %p = Softmax(%s)
  %c = MatMul(%p, %v)
  %o = MatMul(%c, %w) name "/layers.0/attn/out/MatMul"
  %u = MatMul(%n, %w) name "/layers.0/mlp/fc1/MatMul"
  %r = Relu(%u)
  %f = MatMul(%r, %w) name "/layers.0/mlp/fc2/MatMul"
  %b = Add(%o, %f)
  %y.1 = Add(%b, %x)
  %/layers/0/output_adapters/adapters/down/MatMul_output_0 = MatMul(%y.1, %layers.0.output_adapters.adapters.adapter_down.weight) name "/layers/0/output_adapters/adapters/down/MatMul" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/down/Add_output_0 = Add(%/layers/0/output_adapters/adapters/down/MatMul_output_0, %layers.0.output_adapters.adapters.adapter_down.bias) name "/layers/0/output_adapters/adapters/down/Add" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/act/Relu_output_0 = Relu(%/layers/0/output_adapters/adapters/down/Add_output_0) name "/layers/0/output_adapters/adapters/act/Relu" meta {"peftc.role": "bottleneck.act", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/up/MatMul_output_0 = MatMul(%/layers/0/output_adapters/adapters/act/Relu_output_0, %layers.0.output_adapters.adapters.adapter_up.weight) name "/layers/0/output_adapters/adapters/up/MatMul" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/up/Add_output_0 = Add(%/layers/0/output_adapters/adapters/up/MatMul_output_0, %layers.0.output_adapters.adapters.adapter_up.bias) name "/layers/0/output_adapters/adapters/up/Add" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/residual/Add_output_0 = Add(%/layers/0/output_adapters/adapters/up/Add_output_0, %f) name "/layers/0/output_adapters/adapters/residual/Add" meta {"peftc.role": "bottleneck.residual", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/beside/Add_output_0 = Add(%/layers/0/output_adapters/adapters/residual/Add_output_0, %o) name "/layers/0/output_adapters/adapters/beside/Add" meta {"peftc.role": "bottleneck.beside", "peftc.site": "layers.0.output_adapters"}
  %y = Add(%/layers/0/output_adapters/adapters/beside/Add_output_0, %x) name "/layers/0/output_adapters/adapters/residual_add/Add" meta {"peftc.role": "bottleneck.residual_add", "peftc.site": "layers.0.output_adapters"}
}
