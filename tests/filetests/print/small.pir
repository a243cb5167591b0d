; test: print
model ir=8 opset ""=17 opset "com.microsoft"=1 producer "pytorch" "2.15.0" domain "org.example" version 3 doc "what it is" meta {"key": "a \"quoted\" value"}
graph main(%input_ids: i64[batch, seq], %"odd name": f32[2, ?]) -> (%y) {
  const %w = f32[2, 2] {1, -0.0, 3.5, 1e-8}
  %y: f32[batch, 2] = MatMul(%"odd name", %w) name "/q_proj/MatMul" meta {"peftc.role": "lora.A"}
}
---
model ir=8 opset ""=17 opset "com.microsoft"=1 producer "pytorch" "2.15.0" domain "org.example" version 3 doc "what it is" meta {"key": "a \"quoted\" value"}
graph main(%input_ids: i64[batch, seq], %"odd name": f32[2, ?]) -> (%y) {
  const %w = f32[2, 2] {1.0, -0.0, 3.5, 1e-8}
  %y: f32[batch, 2] = MatMul(%"odd name", %w) name "/q_proj/MatMul" meta {"peftc.role": "lora.A"}
}
