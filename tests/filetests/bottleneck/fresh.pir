; test: pass bottleneck reduction_factor=2 activation="silu" seed=1
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
---
; layers.0.fc2: feed-forward b=1 swish, 7 parameters, 8 FLOPs per token, h
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1.0, 0.0, 0.0, 0.0, 1.0, 0.0}
  const %w2 = f32[3, 2] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b2 = f32[2] {1.0, 1.0}
  const %g = f32[2] {1.0, 1.0}
  const %be = f32[2] {0.0, 0.0}
  const %layers.0.fc2.adapters.adapter_down.weight = f32[2, 1] {0.036453597, 0.027939877} meta {"peftc.role": "bottleneck"}
  const %layers.0.fc2.adapters.adapter_down.bias = f32[1] {0.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.fc2.adapters.adapter_up.weight = f32[1, 2] {0.0, 0.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.fc2.adapters.adapter_up.bias = f32[2] {0.0, 0.0} meta {"peftc.role": "bottleneck"}
  %u = MatMul(%x, %w1) name "/layers.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/layers.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %s = Add(%h, %x)
  %y.1 = LayerNormalization(%s, %g, %be) {axis: -1}
  %/layers/0/fc2/adapters/down/MatMul_output_0 = MatMul(%y.1, %layers.0.fc2.adapters.adapter_down.weight) name "/layers/0/fc2/adapters/down/MatMul" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/down/Add_output_0 = Add(%/layers/0/fc2/adapters/down/MatMul_output_0, %layers.0.fc2.adapters.adapter_down.bias) name "/layers/0/fc2/adapters/down/Add" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/act/Sigmoid_output_0 = Sigmoid(%/layers/0/fc2/adapters/down/Add_output_0) name "/layers/0/fc2/adapters/act/Sigmoid" meta {"peftc.role": "bottleneck.act", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/act/Mul_output_0 = Mul(%/layers/0/fc2/adapters/down/Add_output_0, %/layers/0/fc2/adapters/act/Sigmoid_output_0) name "/layers/0/fc2/adapters/act/Mul" meta {"peftc.role": "bottleneck.act", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/up/MatMul_output_0 = MatMul(%/layers/0/fc2/adapters/act/Mul_output_0, %layers.0.fc2.adapters.adapter_up.weight) name "/layers/0/fc2/adapters/up/MatMul" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/up/Add_output_0 = Add(%/layers/0/fc2/adapters/up/MatMul_output_0, %layers.0.fc2.adapters.adapter_up.bias) name "/layers/0/fc2/adapters/up/Add" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/residual/Add_output_0 = Add(%/layers/0/fc2/adapters/up/Add_output_0, %h) name "/layers/0/fc2/adapters/residual/Add" meta {"peftc.role": "bottleneck.residual", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/residual_add/Add_output_0 = Add(%/layers/0/fc2/adapters/residual/Add_output_0, %x) name "/layers/0/fc2/adapters/residual_add/Add" meta {"peftc.role": "bottleneck.residual_add", "peftc.site": "layers.0.fc2"}
  %y = LayerNormalization(%/layers/0/fc2/adapters/residual_add/Add_output_0, %g, %be) name "/layers/0/fc2/adapters/norm/LayerNormalization" {axis: -1} meta {"peftc.role": "bottleneck.norm", "peftc.site": "layers.0.fc2"}
}
