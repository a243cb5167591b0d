; test: pass merge
model ir=8 opset ""=17
graph g(%x: f32[n, 2]) -> (%y) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %y = MatMul(%x, %w) name "/q/MatMul"
}
--- adapter
{"peft_type": "LORA", "r": 1, "lora_alpha": 2}
const %base_model.model.q.lora_A.weight = f32[1, 2] {1, 10}
const %base_model.model.q.lora_B.weight = f32[3, 1] {1, 2, 3}
--- adapter
{"peft_type": "IA3"}
const %base_model.model.q.ia3_l = f32[3, 1] {1, 2, 3}
---
error: ADAPTER/1: IA3 adds nothing to weights: it has no delta
  kinds whose delta is read: LORA, ADALORA, LOHA, LOKR
