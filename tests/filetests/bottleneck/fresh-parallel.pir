; test: pass bottleneck reduction_factor=1 config="par_bn"
model ir=8 opset ""=17
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
  %y = Add(%h, %x)
}
---
; layers.0.fc2: parallel, feed-forward b=2 relu, 12 parameters, 16 FLOPs per token, h
model ir=8 opset ""=17
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1.0, 0.0, 0.0, 0.0, 1.0, 0.0}
  const %w2 = f32[3, 2] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b2 = f32[2] {1.0, 1.0}
  const %g = f32[2] {1.0, 1.0}
  const %be = f32[2] {0.0, 0.0}
  const %layers.0.fc2.adapters.adapter_down.weight = f32[2, 2] {0.0029031807, -0.04870412, 0.0024569093, -0.021055184} meta {"peftc.role": "bottleneck"}
  const %layers.0.fc2.adapters.adapter_down.bias = f32[2] {0.0, 0.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.fc2.adapters.adapter_up.weight = f32[2, 2] {0.0, 0.0, 0.0, 0.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.fc2.adapters.adapter_up.bias = f32[2] {0.0, 0.0} meta {"peftc.role": "bottleneck"}
  %/layers/0/fc2/adapters/down/MatMul_output_0 = MatMul(%x, %layers.0.fc2.adapters.adapter_down.weight) name "/layers/0/fc2/adapters/down/MatMul" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/down/Add_output_0 = Add(%/layers/0/fc2/adapters/down/MatMul_output_0, %layers.0.fc2.adapters.adapter_down.bias) name "/layers/0/fc2/adapters/down/Add" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/act/Relu_output_0 = Relu(%/layers/0/fc2/adapters/down/Add_output_0) name "/layers/0/fc2/adapters/act/Relu" meta {"peftc.role": "bottleneck.act", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/up/MatMul_output_0 = MatMul(%/layers/0/fc2/adapters/act/Relu_output_0, %layers.0.fc2.adapters.adapter_up.weight) name "/layers/0/fc2/adapters/up/MatMul" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.fc2"}
  %/layers/0/fc2/adapters/up/Add_output_0 = Add(%/layers/0/fc2/adapters/up/MatMul_output_0, %layers.0.fc2.adapters.adapter_up.bias) name "/layers/0/fc2/adapters/up/Add" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.fc2"}
  %n = LayerNormalization(%x, %g, %be) {axis: -1}
  %u = MatMul(%n, %w1) name "/layers.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/layers.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %/layers/0/fc2/adapters/parallel/Add_output_0 = Add(%h, %/layers/0/fc2/adapters/up/Add_output_0) name "/layers/0/fc2/adapters/parallel/Add" meta {"peftc.role": "bottleneck.parallel", "peftc.site": "layers.0.fc2"}
  %y = Add(%/layers/0/fc2/adapters/parallel/Add_output_0, %x)
}
