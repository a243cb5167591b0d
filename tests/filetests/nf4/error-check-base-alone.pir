; test: pass nf4 check_base=false
model ir=8 opset ""=17
graph g(%x: f32[n, 16]) -> (%y) {
  const %w = f32[16, 2] {0.22035491, 0.6758305, -0.3480964, 0.6758305, -0.26253653, -2.0, 0.5, -1.3923856, -0.26253653, 0.0, 0.22035491, -0.18210007, 0.2813085, 1.4459137, 0.0804651, 0.1591606, -0.5, -0.18210007, -0.3480964, -2.0, -0.092386715, 0.4922246, -0.045525018, 0.3218604, 0.0804651, -1.0501461, 0.0, 0.6758305, -0.14222069, 0.88141966, -0.26253653, 2.0}
  const %albert.norm.weight = f32[2] {1, 2}
  %y0 = MatMul(%x, %w) name "/albert/fc/MatMul"
  %y = Mul(%y0, %albert.norm.weight) name "/albert/norm/Mul"
}
---
error: pass "nf4" (plugin peftc-plugin-nf4 0.1.0): check_base is for a checkpoint: name one as adapter
