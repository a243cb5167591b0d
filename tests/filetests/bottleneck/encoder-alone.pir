; test: pass bottleneck
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1, 0, 0, 0, 1, 0}
  const %w2 = f32[3, 2] {1, 2, 3, 4, 5, 6}
  const %b2 = f32[2] {1, 1}
  const %g = f32[2] {1, 1}
  const %be = f32[2] {0, 0}
  %u = MatMul(%x, %w1) name "/encoder/block.0/layer.1/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/encoder/block.0/layer.1/fc2/MatMul"
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
; encoder.block.0.layer.1: feed-forward b=1 relu, 7 parameters, 8 FLOPs per token, h
; note: the model is the encoder alone: the adapter's tensors for the decoder are left out (1); they belong into the decoder's model
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1.0, 0.0, 0.0, 0.0, 1.0, 0.0}
  const %w2 = f32[3, 2] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b2 = f32[2] {1.0, 1.0}
  const %g = f32[2] {1.0, 1.0}
  const %be = f32[2] {0.0, 0.0}
  const %encoder.block.0.layer.1.adapters.adapter_down.weight = f32[2, 1] {1.0, 10.0} meta {"peftc.role": "bottleneck"}
  const %encoder.block.0.layer.1.adapters.adapter_down.bias = f32[1] {5.0} meta {"peftc.role": "bottleneck"}
  const %encoder.block.0.layer.1.adapters.adapter_up.weight = f32[1, 2] {1.0, 2.0} meta {"peftc.role": "bottleneck"}
  const %encoder.block.0.layer.1.adapters.adapter_up.bias = f32[2] {3.0, 4.0} meta {"peftc.role": "bottleneck"}
  %u = MatMul(%x, %w1) name "/encoder/block.0/layer.1/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/encoder/block.0/layer.1/fc2/MatMul"
  %h = Add(%b2, %v)
  %s = Add(%h, %x)
  %y.1 = LayerNormalization(%s, %g, %be) {axis: -1}
  %/encoder/block/0/layer/1/adapters/down/MatMul_output_0 = MatMul(%y.1, %encoder.block.0.layer.1.adapters.adapter_down.weight) name "/encoder/block/0/layer/1/adapters/down/MatMul" meta {"peftc.role": "bottleneck.down", "peftc.site": "encoder.block.0.layer.1"}
  %/encoder/block/0/layer/1/adapters/down/Add_output_0 = Add(%/encoder/block/0/layer/1/adapters/down/MatMul_output_0, %encoder.block.0.layer.1.adapters.adapter_down.bias) name "/encoder/block/0/layer/1/adapters/down/Add" meta {"peftc.role": "bottleneck.down", "peftc.site": "encoder.block.0.layer.1"}
  %/encoder/block/0/layer/1/adapters/act/Relu_output_0 = Relu(%/encoder/block/0/layer/1/adapters/down/Add_output_0) name "/encoder/block/0/layer/1/adapters/act/Relu" meta {"peftc.role": "bottleneck.act", "peftc.site": "encoder.block.0.layer.1"}
  %/encoder/block/0/layer/1/adapters/up/MatMul_output_0 = MatMul(%/encoder/block/0/layer/1/adapters/act/Relu_output_0, %encoder.block.0.layer.1.adapters.adapter_up.weight) name "/encoder/block/0/layer/1/adapters/up/MatMul" meta {"peftc.role": "bottleneck.up", "peftc.site": "encoder.block.0.layer.1"}
  %/encoder/block/0/layer/1/adapters/up/Add_output_0 = Add(%/encoder/block/0/layer/1/adapters/up/MatMul_output_0, %encoder.block.0.layer.1.adapters.adapter_up.bias) name "/encoder/block/0/layer/1/adapters/up/Add" meta {"peftc.role": "bottleneck.up", "peftc.site": "encoder.block.0.layer.1"}
  %/encoder/block/0/layer/1/adapters/residual/Add_output_0 = Add(%/encoder/block/0/layer/1/adapters/up/Add_output_0, %h) name "/encoder/block/0/layer/1/adapters/residual/Add" meta {"peftc.role": "bottleneck.residual", "peftc.site": "encoder.block.0.layer.1"}
  %/encoder/block/0/layer/1/adapters/residual_add/Add_output_0 = Add(%/encoder/block/0/layer/1/adapters/residual/Add_output_0, %x) name "/encoder/block/0/layer/1/adapters/residual_add/Add" meta {"peftc.role": "bottleneck.residual_add", "peftc.site": "encoder.block.0.layer.1"}
  %y = LayerNormalization(%/encoder/block/0/layer/1/adapters/residual_add/Add_output_0, %g, %be) name "/encoder/block/0/layer/1/adapters/norm/LayerNormalization" {axis: -1} meta {"peftc.role": "bottleneck.norm", "peftc.site": "encoder.block.0.layer.1"}
}
