; test: pass bottleneck
model ir=8 opset ""=16
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1, 0, 0, 0, 1, 0}
  const %w2 = f32[3, 2] {1, 2, 3, 4, 5, 6}
  const %b2 = f32[2] {1, 1}
  const %g = f32[2] {1, 1}
  const %be = f32[2] {0, 0}
  const %two = f32[] {2}
  const %eps = f32[] {0.00001}
  %u = MatMul(%x, %w1) name "/layers.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/layers.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %s = Add(%h, %x)
  %mu = ReduceMean(%s) {axes: ints[-1]}
  %ce = Sub(%s, %mu)
  %sq = Pow(%ce, %two)
  %va = ReduceMean(%sq) {axes: ints[-1]}
  %ve = Add(%va, %eps)
  %sd = Sqrt(%ve)
  %no = Div(%ce, %sd)
  %ga = Mul(%no, %g)
  %y = Add(%ga, %be)
}
--- adapter
{"config": {"mh_adapter": false, "output_adapter": true, "non_linearity": "relu", "reduction_factor": 2, "ln_before": true, "ln_after": true, "adapter_residual_before_ln": true}, "hidden_size": 2, "name": "a", "version": "adapters.1.2.0"}
const %layers.0.output_adapters.adapters.a.adapter_down.1.weight = f32[1, 2] {1, 10}
const %layers.0.output_adapters.adapters.a.adapter_down.1.bias = f32[1] {5}
const %layers.0.output_adapters.adapters.a.adapter_up.weight = f32[2, 1] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_up.bias = f32[2] {3, 4}
const %layers.0.output_adapters.adapters.a.adapter_norm_before.weight = f32[2] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_norm_before.bias = f32[2] {3, 4}
const %layers.0.output_adapters.adapters.a.adapter_down.0.weight = f32[2] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_down.0.bias = f32[2] {3, 4}
const %layers.0.output_adapters.adapters.a.adapter_norm_after.weight = f32[2] {1, 2}
const %layers.0.output_adapters.adapters.a.adapter_norm_after.bias = f32[2] {3, 4}
---
; layers.0.output_adapters: feed-forward b=1 relu, 15 parameters, 8 FLOPs per token, h
model ir=8 opset ""=16
graph g(%x: f32[n, m, 2]) -> (%y) {
  const %w1 = f32[2, 3] {1.0, 0.0, 0.0, 0.0, 1.0, 0.0}
  const %w2 = f32[3, 2] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
  const %b2 = f32[2] {1.0, 1.0}
  const %g = f32[2] {1.0, 1.0}
  const %be = f32[2] {0.0, 0.0}
  const %two = f32[] {2.0}
  const %eps = f32[] {1e-5}
  const %layers.0.output_adapters.adapters.adapter_down.weight = f32[2, 1] {1.0, 10.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_down.bias = f32[1] {5.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_up.weight = f32[1, 2] {1.0, 2.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_up.bias = f32[2] {3.0, 4.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_norm_before.weight = f32[2] {1.0, 2.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_norm_before.bias = f32[2] {3.0, 4.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_norm_after.weight = f32[2] {1.0, 2.0} meta {"peftc.role": "bottleneck"}
  const %layers.0.output_adapters.adapters.adapter_norm_after.bias = f32[2] {3.0, 4.0} meta {"peftc.role": "bottleneck"}
  const %bottleneck.number_0.00001 = f32[] {1e-5} meta {"peftc.role": "bottleneck"}
  %u = MatMul(%x, %w1) name "/layers.0/fc1/MatMul"
  %a = Relu(%u)
  %v = MatMul(%a, %w2) name "/layers.0/fc2/MatMul"
  %h = Add(%b2, %v)
  %/layers/0/output_adapters/adapters/norm_before/ReduceMean_output_0 = ReduceMean(%h) name "/layers/0/output_adapters/adapters/norm_before/ReduceMean" {axes: ints [-1], keepdims: 1} meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/Sub_output_0 = Sub(%h, %/layers/0/output_adapters/adapters/norm_before/ReduceMean_output_0) name "/layers/0/output_adapters/adapters/norm_before/Sub" meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/Mul_output_0 = Mul(%/layers/0/output_adapters/adapters/norm_before/Sub_output_0, %/layers/0/output_adapters/adapters/norm_before/Sub_output_0) name "/layers/0/output_adapters/adapters/norm_before/Mul" meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/ReduceMean_output_0.1 = ReduceMean(%/layers/0/output_adapters/adapters/norm_before/Mul_output_0) name "/layers/0/output_adapters/adapters/norm_before/ReduceMean.1" {axes: ints [-1], keepdims: 1} meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/Add_output_0 = Add(%/layers/0/output_adapters/adapters/norm_before/ReduceMean_output_0.1, %bottleneck.number_0.00001) name "/layers/0/output_adapters/adapters/norm_before/Add" meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/Sqrt_output_0 = Sqrt(%/layers/0/output_adapters/adapters/norm_before/Add_output_0) name "/layers/0/output_adapters/adapters/norm_before/Sqrt" meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/Div_output_0 = Div(%/layers/0/output_adapters/adapters/norm_before/Sub_output_0, %/layers/0/output_adapters/adapters/norm_before/Sqrt_output_0) name "/layers/0/output_adapters/adapters/norm_before/Div" meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/Mul_output_0.1 = Mul(%/layers/0/output_adapters/adapters/norm_before/Div_output_0, %layers.0.output_adapters.adapters.adapter_norm_before.weight) name "/layers/0/output_adapters/adapters/norm_before/Mul.1" meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_before/Add_output_0.1 = Add(%/layers/0/output_adapters/adapters/norm_before/Mul_output_0.1, %layers.0.output_adapters.adapters.adapter_norm_before.bias) name "/layers/0/output_adapters/adapters/norm_before/Add.1" meta {"peftc.role": "bottleneck.norm_before", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/down/MatMul_output_0 = MatMul(%/layers/0/output_adapters/adapters/norm_before/Add_output_0.1, %layers.0.output_adapters.adapters.adapter_down.weight) name "/layers/0/output_adapters/adapters/down/MatMul" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/down/Add_output_0 = Add(%/layers/0/output_adapters/adapters/down/MatMul_output_0, %layers.0.output_adapters.adapters.adapter_down.bias) name "/layers/0/output_adapters/adapters/down/Add" meta {"peftc.role": "bottleneck.down", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/act/Relu_output_0 = Relu(%/layers/0/output_adapters/adapters/down/Add_output_0) name "/layers/0/output_adapters/adapters/act/Relu" meta {"peftc.role": "bottleneck.act", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/up/MatMul_output_0 = MatMul(%/layers/0/output_adapters/adapters/act/Relu_output_0, %layers.0.output_adapters.adapters.adapter_up.weight) name "/layers/0/output_adapters/adapters/up/MatMul" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/up/Add_output_0 = Add(%/layers/0/output_adapters/adapters/up/MatMul_output_0, %layers.0.output_adapters.adapters.adapter_up.bias) name "/layers/0/output_adapters/adapters/up/Add" meta {"peftc.role": "bottleneck.up", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/residual/Add_output_0 = Add(%/layers/0/output_adapters/adapters/up/Add_output_0, %h) name "/layers/0/output_adapters/adapters/residual/Add" meta {"peftc.role": "bottleneck.residual", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/ReduceMean_output_0 = ReduceMean(%/layers/0/output_adapters/adapters/residual/Add_output_0) name "/layers/0/output_adapters/adapters/norm_after/ReduceMean" {axes: ints [-1], keepdims: 1} meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/Sub_output_0 = Sub(%/layers/0/output_adapters/adapters/residual/Add_output_0, %/layers/0/output_adapters/adapters/norm_after/ReduceMean_output_0) name "/layers/0/output_adapters/adapters/norm_after/Sub" meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/Mul_output_0 = Mul(%/layers/0/output_adapters/adapters/norm_after/Sub_output_0, %/layers/0/output_adapters/adapters/norm_after/Sub_output_0) name "/layers/0/output_adapters/adapters/norm_after/Mul" meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/ReduceMean_output_0.1 = ReduceMean(%/layers/0/output_adapters/adapters/norm_after/Mul_output_0) name "/layers/0/output_adapters/adapters/norm_after/ReduceMean.1" {axes: ints [-1], keepdims: 1} meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/Add_output_0 = Add(%/layers/0/output_adapters/adapters/norm_after/ReduceMean_output_0.1, %bottleneck.number_0.00001) name "/layers/0/output_adapters/adapters/norm_after/Add" meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/Sqrt_output_0 = Sqrt(%/layers/0/output_adapters/adapters/norm_after/Add_output_0) name "/layers/0/output_adapters/adapters/norm_after/Sqrt" meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/Div_output_0 = Div(%/layers/0/output_adapters/adapters/norm_after/Sub_output_0, %/layers/0/output_adapters/adapters/norm_after/Sqrt_output_0) name "/layers/0/output_adapters/adapters/norm_after/Div" meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/Mul_output_0.1 = Mul(%/layers/0/output_adapters/adapters/norm_after/Div_output_0, %layers.0.output_adapters.adapters.adapter_norm_after.weight) name "/layers/0/output_adapters/adapters/norm_after/Mul.1" meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %/layers/0/output_adapters/adapters/norm_after/Add_output_0.1 = Add(%/layers/0/output_adapters/adapters/norm_after/Mul_output_0.1, %layers.0.output_adapters.adapters.adapter_norm_after.bias) name "/layers/0/output_adapters/adapters/norm_after/Add.1" meta {"peftc.role": "bottleneck.norm_after", "peftc.site": "layers.0.output_adapters"}
  %s = Add(%/layers/0/output_adapters/adapters/norm_after/Add_output_0.1, %x)
  %mu = ReduceMean(%s) {axes: ints [-1]}
  %ce = Sub(%s, %mu)
  %sq = Pow(%ce, %two)
  %va = ReduceMean(%sq) {axes: ints [-1]}
  %ve = Add(%va, %eps)
  %sd = Sqrt(%ve)
  %no = Div(%ce, %sd)
  %ga = Mul(%no, %g)
  %y = Add(%ga, %be)
}
