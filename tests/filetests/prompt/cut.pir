; test: pass prompt outputs=cut
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n], %attention_mask: i64[batch, n]) -> (%logits) {
  const %table = f32[3, 2] {0, 1, 2, 3, 4, 5}
  const %axes = i64[1] {-1}
  %embedded = Gather(%table, %input_ids) name "/embed/Gather"
  %ones = Cast(%attention_mask) name "/Cast" {to: 1}
  %column = Unsqueeze(%ones, %axes) name "/Unsqueeze"
  %masked = Mul(%embedded, %column) name "/Mul"
  %logits: f32[batch, n, 2] = Softmax(%masked) name "/Softmax" {axis: -1}
}
--- adapter
{"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "token_dim": 2, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 2] {9, 8, 7, 6}
---
; prompt: 2 tokens of 2, 4 parameters, embedded
; note: 2 learned tokens are computed in front of every sequence; columns for them are added inside to input_ids, attention_mask
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n], %attention_mask: i64[batch, n]) -> (%logits) {
  const %table = f32[3, 2] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
  const %axes = i64[1] {-1}
  const %/prompt/rows = i64[1] {2} meta {"peftc.role": "prompt"}
  const %/prompt/all = i64[1] {2} meta {"peftc.role": "prompt"}
  const %/prompt/before = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/after = i64[2] {0, 0} meta {"peftc.role": "prompt"}
  const %/prompt/column = i64[] {0} meta {"peftc.role": "prompt"}
  const %/prompt/before.1 = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/after.1 = i64[2] {0, 0} meta {"peftc.role": "prompt"}
  const %/prompt/column.1 = i64[] {1} meta {"peftc.role": "prompt"}
  const %prompt.embeddings = f32[1, 2, 2] {9.0, 8.0, 7.0, 6.0} meta {"peftc.role": "prompt"}
  const %/prompt/start = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/end = i64[1] {9223372036854775807} meta {"peftc.role": "prompt"}
  const %/prompt/embedding.axis = i64[1] {1} meta {"peftc.role": "prompt"}
  const %/prompt/first = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/ones = i64[2] {1, 1} meta {"peftc.role": "prompt"}
  const %/prompt/output.end = i64[1] {9223372036854775807} meta {"peftc.role": "prompt"}
  const %/prompt/output.axis = i64[1] {1} meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0 = Concat(%/prompt/before, %/prompt/rows, %/prompt/after) name "/prompt/Concat" {axis: 0} meta {"peftc.role": "prompt"}
  %/prompt/Pad_output_0: i64[?, ?] = Pad(%input_ids, %/prompt/Concat_output_0, %/prompt/column) name "/prompt/Pad" {mode: "constant"} meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0.1 = Concat(%/prompt/before.1, %/prompt/all, %/prompt/after.1) name "/prompt/Concat.1" {axis: 0} meta {"peftc.role": "prompt"}
  %/prompt/Pad_output_0.1: i64[?, ?] = Pad(%attention_mask, %/prompt/Concat_output_0.1, %/prompt/column.1) name "/prompt/Pad.1" {mode: "constant"} meta {"peftc.role": "prompt"}
  %/prompt/Slice_output_0 = Slice(%prompt.embeddings, %/prompt/start, %/prompt/rows, %/prompt/embedding.axis) name "/prompt/Slice" meta {"peftc.role": "prompt"}
  %/prompt/Shape_output_0 = Shape(%input_ids) name "/prompt/Shape" meta {"peftc.role": "prompt"}
  %/prompt/Gather_output_0 = Gather(%/prompt/Shape_output_0, %/prompt/first) name "/prompt/Gather" meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0.2 = Concat(%/prompt/Gather_output_0, %/prompt/ones) name "/prompt/Concat.2" {axis: 0} meta {"peftc.role": "prompt"}
  %/prompt/Expand_output_0 = Expand(%/prompt/Slice_output_0, %/prompt/Concat_output_0.2) name "/prompt/Expand" meta {"peftc.role": "prompt"}
  %embedded = Gather(%table, %/prompt/Pad_output_0) name "/embed/Gather"
  %/prompt/Slice_output_0.1 = Slice(%embedded, %/prompt/rows, %/prompt/end, %/prompt/embedding.axis) name "/prompt/Slice.1" meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0.3 = Concat(%/prompt/Expand_output_0, %/prompt/Slice_output_0.1) name "/prompt/Concat.3" {axis: 1} meta {"peftc.role": "prompt"}
  %ones = Cast(%/prompt/Pad_output_0.1) name "/Cast" {to: 1}
  %column = Unsqueeze(%ones, %axes) name "/Unsqueeze"
  %masked = Mul(%/prompt/Concat_output_0.3, %column) name "/Mul"
  %logits.1: f32[batch, ?, 2] = Softmax(%masked) name "/Softmax" {axis: -1}
  %logits: f32[batch, n, 2] = Slice(%logits.1, %/prompt/rows, %/prompt/output.end, %/prompt/output.axis) name "/prompt/Slice.2" meta {"peftc.role": "prompt"}
}
