; test: pass prefix form=past
model ir=8 opset ""=17
graph g(%ids: i64[batch, n], %attention_mask: i64[batch, total], %past_key_values.0.key: f32[batch, 2, m, 2], %past_key_values.0.value: f32[batch, 2, m, 2]) -> (%y, %present.0.key, %present.0.value) {
  const %q = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %k = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %v = f32[4, 4] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
  const %split = i64[4] {0, 0, 2, 2}
  const %join = i64[3] {0, 0, 4}
  const %scale = f32[] {0.5}
  const %axes = i64[2] {1, 2}
  const %one = f32[] {1}
  const %far = f32[] {-1000}
  const %words = f32[3, 4] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
  const %positions = f32[8, 4] {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31}
  const %step = i64[] {1}
  const %second = i64[] {1}
  const %third = i64[] {2}
  %past_shape = Shape(%past_key_values.0.key) name "/Shape"
  %past_length = Gather(%past_shape, %third) name "/Gather"
  %ids_shape = Shape(%ids) name "/Shape_1"
  %length = Gather(%ids_shape, %second) name "/Gather_1"
  %total_length = Add(%past_length, %length) name "/Add"
  %position = Range(%past_length, %total_length, %step) name "/Range"
  %word_rows = Gather(%words, %ids) name "/wte/Gather"
  %position_rows = Gather(%positions, %position) name "/wpe/Gather"
  %x = Add(%word_rows, %position_rows) name "/Add_1"
  %q_flat = MatMul(%x, %q) name "/attn/q/MatMul"
  %k_flat = MatMul(%x, %k) name "/attn/k/MatMul"
  %v_flat = MatMul(%x, %v) name "/attn/v/MatMul"
  %q_split = Reshape(%q_flat, %split) name "/attn/Reshape"
  %k_split = Reshape(%k_flat, %split) name "/attn/Reshape_1"
  %v_split = Reshape(%v_flat, %split) name "/attn/Reshape_2"
  %q_heads = Transpose(%q_split) name "/attn/Transpose" {perm: ints [0, 2, 1, 3]}
  %k_heads = Transpose(%k_split) name "/attn/Transpose_1" {perm: ints [0, 2, 1, 3]}
  %v_heads = Transpose(%v_split) name "/attn/Transpose_2" {perm: ints [0, 2, 1, 3]}
  %present.0.key = Concat(%past_key_values.0.key, %k_heads) name "/attn/Concat" {axis: 2}
  %present.0.value = Concat(%past_key_values.0.value, %v_heads) name "/attn/Concat_1" {axis: 2}
  %k_turned = Transpose(%present.0.key) name "/attn/Transpose_3" {perm: ints [0, 1, 3, 2]}
  %products = MatMul(%q_heads, %k_turned) name "/attn/MatMul"
  %scores = Mul(%products, %scale) name "/attn/Mul"
  %mask_axes = Unsqueeze(%attention_mask, %axes) name "/Unsqueeze"
  %mask_float = Cast(%mask_axes) name "/Cast" {to: 1}
  %mask_off = Sub(%one, %mask_float) name "/Sub"
  %mask = Mul(%mask_off, %far) name "/Mul"
  %masked = Add(%scores, %mask) name "/attn/Add"
  %weights = Softmax(%masked) name "/attn/Softmax" {axis: -1}
  %context = MatMul(%weights, %present.0.value) name "/attn/MatMul_1"
  %context_split = Transpose(%context) name "/attn/Transpose_4" {perm: ints [0, 2, 1, 3]}
  %y = Reshape(%context_split, %join) name "/attn/Reshape_3"
}
--- adapter
{"peft_type": "PREFIX_TUNING", "num_virtual_tokens": 2, "num_layers": 1, "num_attention_heads": 2, "token_dim": 4, "num_transformer_submodules": 1}
const %prompt_embeddings = f32[2, 8] {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17}
---
; attn: 2 keys and values of 2 heads of 2 as the past, 16 parameters, 32 FLOPs per token, past_key_values.0.key
; note: positions begin at 2: of 8 position embeddings 6 are left for tokens
; note: the archive has the past of the first step: 2 arrays of 2 rows, by the names of the inputs, to repeat to the batch. For batch 1 these inputs may be left out in that step: the arrays are their defaults
; note: in every step callers put 2 ones in front of attention_mask
; note: positions count from the length of the past: callers do nothing
; note: present outputs have the 2 rows in front from the first step on
; archive prefix: past_key_values.0.key, past_key_values.0.value
model ir=8 opset ""=17
graph g(%ids: i64[batch, n], %attention_mask: i64[batch, total], %past_key_values.0.key: f32[batch, 2, m, 2] = f32[1, 2, 2, 2] {0.0, 1.0, 10.0, 11.0, 2.0, 3.0, 12.0, 13.0} meta {"peftc.role": "prefix"}, %past_key_values.0.value: f32[batch, 2, m, 2] = f32[1, 2, 2, 2] {4.0, 5.0, 14.0, 15.0, 6.0, 7.0, 16.0, 17.0} meta {"peftc.role": "prefix"}) -> (%y, %present.0.key, %present.0.value) {
  const %q = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %k = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %v = f32[4, 4] {1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0}
  const %split = i64[4] {0, 0, 2, 2}
  const %join = i64[3] {0, 0, 4}
  const %scale = f32[] {0.5}
  const %axes = i64[2] {1, 2}
  const %one = f32[] {1.0}
  const %far = f32[] {-1000.0}
  const %words = f32[3, 4] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0}
  const %positions = f32[8, 4] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0, 28.0, 29.0, 30.0, 31.0}
  const %step = i64[] {1}
  const %second = i64[] {1}
  const %third = i64[] {2}
  %past_shape = Shape(%past_key_values.0.key) name "/Shape"
  %past_length = Gather(%past_shape, %third) name "/Gather"
  %ids_shape = Shape(%ids) name "/Shape_1"
  %length = Gather(%ids_shape, %second) name "/Gather_1"
  %total_length = Add(%past_length, %length) name "/Add"
  %position = Range(%past_length, %total_length, %step) name "/Range"
  %word_rows = Gather(%words, %ids) name "/wte/Gather"
  %position_rows = Gather(%positions, %position) name "/wpe/Gather"
  %x = Add(%word_rows, %position_rows) name "/Add_1"
  %q_flat = MatMul(%x, %q) name "/attn/q/MatMul"
  %k_flat = MatMul(%x, %k) name "/attn/k/MatMul"
  %v_flat = MatMul(%x, %v) name "/attn/v/MatMul"
  %q_split = Reshape(%q_flat, %split) name "/attn/Reshape"
  %k_split = Reshape(%k_flat, %split) name "/attn/Reshape_1"
  %v_split = Reshape(%v_flat, %split) name "/attn/Reshape_2"
  %q_heads = Transpose(%q_split) name "/attn/Transpose" {perm: ints [0, 2, 1, 3]}
  %k_heads = Transpose(%k_split) name "/attn/Transpose_1" {perm: ints [0, 2, 1, 3]}
  %v_heads = Transpose(%v_split) name "/attn/Transpose_2" {perm: ints [0, 2, 1, 3]}
  %present.0.key = Concat(%past_key_values.0.key, %k_heads) name "/attn/Concat" {axis: 2}
  %present.0.value = Concat(%past_key_values.0.value, %v_heads) name "/attn/Concat_1" {axis: 2}
  %k_turned = Transpose(%present.0.key) name "/attn/Transpose_3" {perm: ints [0, 1, 3, 2]}
  %products = MatMul(%q_heads, %k_turned) name "/attn/MatMul"
  %scores = Mul(%products, %scale) name "/attn/Mul"
  %mask_axes = Unsqueeze(%attention_mask, %axes) name "/Unsqueeze"
  %mask_float = Cast(%mask_axes) name "/Cast" {to: 1}
  %mask_off = Sub(%one, %mask_float) name "/Sub"
  %mask = Mul(%mask_off, %far) name "/Mul"
  %masked = Add(%scores, %mask) name "/attn/Add"
  %weights = Softmax(%masked) name "/attn/Softmax" {axis: -1}
  %context = MatMul(%weights, %present.0.value) name "/attn/MatMul_1"
  %context_split = Transpose(%context) name "/attn/Transpose_4" {perm: ints [0, 2, 1, 3]}
  %y = Reshape(%context_split, %join) name "/attn/Reshape_3"
}
