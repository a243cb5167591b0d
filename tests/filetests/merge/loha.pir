; test: pass merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[3, 2] {0, 0, 0, 0, 0, 0}
  %y = Gemm(%x, %w) name "/q/Gemm" {transB: 1}
}
--- adapter
{"peft_type": "LOHA", "r": 1, "alpha": 2}
const %base_model.model.q.hada_w1_a = f32[3, 1] {1, 2, 3}
const %base_model.model.q.hada_w1_b = f32[1, 2] {1, 10}
const %base_model.model.q.hada_w2_a = f32[3, 1] {1, 1, 2}
const %base_model.model.q.hada_w2_b = f32[1, 2] {1, -1}
---
; q: ranks 1, 10 parameters, w
; note: linear: Σ λΔ; λ 1
; pass 1 (merge): q: 6 merged
; pass 1 (merge): q: 0 unchanged
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[3, 2] {2.0, -20.0, 4.0, -40.0, 12.0, -120.0}
  %y = Gemm(%x, %w) name "/q/Gemm" {transB: 1}
}
