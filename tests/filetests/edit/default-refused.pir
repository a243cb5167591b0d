; test: edit
; edit: initializer rows = f32[1, 2] {5, 6}
; edit: initializer wide = f32[1, 3] {5, 6, 7}
; edit: initializer whole = i64[1, 2] {5, 6}
; edit: default past rows
; edit: default past wide
; edit: default past whole
; edit: default past x
; edit: default given rows
; edit: default out rows
model ir=8 opset ""=17
graph g(%x: f32[n, 2], %past: f32[m, 2], %given: f32[1, 2] = f32[1, 2] {1, 2}) -> (%out) {
  %out: f32[k, 2] = Concat(%past, %given, %x) name "join" {axis: 0}
}
---
error: edit 4 (set default of "past" to "wide"): it has a default already: edit 3 (set default of "past" to "rows")
error: edit 4 (set default of "past" to "wide"): a default f32 [1, 3] is not of the declared type
error: edit 5 (set default of "past" to "whole"): it has a default already: edit 3 (set default of "past" to "rows")
error: edit 5 (set default of "past" to "whole"): a default i64 [1, 2] is not of the declared type
error: edit 6 (set default of "past" to "x"): it has a default already: edit 3 (set default of "past" to "rows")
error: edit 6 (set default of "past" to "x"): the default is no initializer that this list adds
error: edit 7 (set default of "given" to "rows"): "given" is no graph input without a default
error: edit 8 (set default of "out" to "rows"): "out" is no graph input without a default
