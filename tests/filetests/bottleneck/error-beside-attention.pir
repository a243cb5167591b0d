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
{"config": {"mh_adapter": true, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2, "original_ln_before": true, "original_ln_after": false}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %layers.0.attention_adapters.adapters.a.adapter_down.0.weight = f32[1, 2] {1, 10}
const %layers.0.attention_adapters.adapters.a.adapter_down.0.bias = f32[1] {5}
const %layers.0.attention_adapters.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %layers.0.attention_adapters.adapters.a.adapter_up.bias = f32[2] {3, 4}
const %layers.0.output_adapters.adapters.a.adapter_down.0.weight = f32[1, 2] {1, 10}
const %layers.0.output_adapters.adapters.a.adapter_down.0.bias = f32[1] {5}
const %layers.0.output_adapters.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_up.bias = f32[2] {3, 4}
---
error: pass "bottleneck" (plugin peftc-plugin-bottleneck 0.1.0): layers.0.attention_adapters: the model adds this attention and the feed-forward beside it before the residual, so that nothing stands for the attention and its residual, which an adapter without original_ln_after replaces
