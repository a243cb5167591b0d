; test: pass prompt length=2 seed=5
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n]) -> (%y) {
  const %table = f32[3, 2] {0, 1, 2, 3, 4, 5}
  %embedded = Gather(%table, %input_ids) name "/embed/Gather"
  %y: f32[batch, n, 2] = Softmax(%embedded) name "/Softmax" {axis: -1}
}
---
; prompt: 2 tokens of 2, 4 parameters, embedded
; note: output y has rows of the learned tokens in front; outputs = "cut" leaves them out
; note: 2 learned tokens are computed in front of every sequence; columns for them are added inside to input_ids
model ir=8 opset ""=17
graph g(%input_ids: i64[batch, n]) -> (%y) {
  const %table = f32[3, 2] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
  const %/prompt/rows = i64[1] {2} meta {"peftc.role": "prompt"}
  const %/prompt/before = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/after = i64[2] {0, 0} meta {"peftc.role": "prompt"}
  const %/prompt/column = i64[] {0} meta {"peftc.role": "prompt"}
  const %prompt.embeddings = f32[1, 2, 2] {-0.388635, 0.42787015, -0.299101, -0.042670354} meta {"peftc.role": "prompt"}
  const %/prompt/start = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/end = i64[1] {9223372036854775807} meta {"peftc.role": "prompt"}
  const %/prompt/embedding.axis = i64[1] {1} meta {"peftc.role": "prompt"}
  const %/prompt/first = i64[1] {0} meta {"peftc.role": "prompt"}
  const %/prompt/ones = i64[2] {1, 1} meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0 = Concat(%/prompt/before, %/prompt/rows, %/prompt/after) name "/prompt/Concat" {axis: 0} meta {"peftc.role": "prompt"}
  %/prompt/Pad_output_0: i64[?, ?] = Pad(%input_ids, %/prompt/Concat_output_0, %/prompt/column) name "/prompt/Pad" {mode: "constant"} meta {"peftc.role": "prompt"}
  %/prompt/Slice_output_0 = Slice(%prompt.embeddings, %/prompt/start, %/prompt/rows, %/prompt/embedding.axis) name "/prompt/Slice" meta {"peftc.role": "prompt"}
  %/prompt/Shape_output_0 = Shape(%input_ids) name "/prompt/Shape" meta {"peftc.role": "prompt"}
  %/prompt/Gather_output_0 = Gather(%/prompt/Shape_output_0, %/prompt/first) name "/prompt/Gather" meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0.1 = Concat(%/prompt/Gather_output_0, %/prompt/ones) name "/prompt/Concat.1" {axis: 0} meta {"peftc.role": "prompt"}
  %/prompt/Expand_output_0 = Expand(%/prompt/Slice_output_0, %/prompt/Concat_output_0.1) name "/prompt/Expand" meta {"peftc.role": "prompt"}
  %embedded = Gather(%table, %/prompt/Pad_output_0) name "/embed/Gather"
  %/prompt/Slice_output_0.1 = Slice(%embedded, %/prompt/rows, %/prompt/end, %/prompt/embedding.axis) name "/prompt/Slice.1" meta {"peftc.role": "prompt"}
  %/prompt/Concat_output_0.2 = Concat(%/prompt/Expand_output_0, %/prompt/Slice_output_0.1) name "/prompt/Concat.2" {axis: 1} meta {"peftc.role": "prompt"}
  %y: f32[batch, ?, 2] = Softmax(%/prompt/Concat_output_0.2) name "/Softmax" {axis: -1}
}
