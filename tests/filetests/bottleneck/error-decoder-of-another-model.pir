; test: pass bottleneck
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1, 0, 0, 0, 1, 0}
  const %w2 = f32[3, 2] {1, 2, 3, 4, 5, 6}
  const %b2 = f32[2] {1, 1}
  const %g = f32[2] {1, 1}
  const %be = f32[2] {0, 0}
  %u = MatMul(%x, %w1) name "/bert/encoder/layer.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/bert/encoder/layer.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %s = Add(%h, %x)
  %y = LayerNormalization(%s, %g, %be) {axis: -1}
}
--- adapter
{"config": {"mh_adapter": false, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2, "original_ln_before": true}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %encoder.block.0.layer.1.adapters.a.adapter_down.0.weight = f32[1, 2] {1, 10}
const %encoder.block.0.layer.1.adapters.a.adapter_down.0.bias = f32[1] {5}
const %encoder.block.0.layer.1.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %encoder.block.0.layer.1.adapters.a.adapter_up.bias = f32[2] {3, 4}
const %decoder.block.0.layer.2.adapters.a.adapter_up.bias = f32[2] {1, 2}
---
error: pass "bottleneck" (plugin peftc-plugin-bottleneck 0.1.0): the model has no feed-forward sublayer of layer 0 of the decoder, which "decoder.block.0.layer.2" names
  near: feed-forward sublayer of layer 0 of the encoder
  sublayers that were found: 1, in layers 0 to 0; `peftc inspect --sites` lists them
