; test: print
model ir=10 opset ""=20
graph g(%x: f32[1]) -> (%a) {
  %a, _, %c = "dom"::Op#"over"(%x, _, %x) {f: 1.5, n: 1.0, nan: bits(0x7fc00001), i: -3, s: "text", b: hex"ff00", fs: floats [1.0, inf, -inf], is: ints [], ss: strings ["a", hex"80"], t: tensor i64[2] {1, 2} name "inner" doc "d", ts: tensors [f32[] {0.5}], ty: type sequence(map i64(f32[?, n@"DATA_BATCH"]@"TENSOR")), tys: types [optional(_), sparse f32[3], opaque("d", "n"), unset, ?[2], f16], sp: sparse f32[4] sparse(f32[1] {2.0}, i64[1] {3})} doc "said"
}
---
model ir=10 opset ""=20
graph g(%x: f32[1]) -> (%a) {
  %a, _, %c = "dom"::Op#"over"(%x, _, %x) {f: 1.5, n: 1.0, nan: bits(0x7fc00001), i: -3, s: "text", b: hex"ff00", fs: floats [1.0, inf, -inf], is: ints [], ss: strings ["a", hex"80"], t: tensor i64[2] {1, 2} name "inner" doc "d", ts: tensors [f32[] {0.5}], ty: type sequence(map i64(f32[?, n@"DATA_BATCH"]@"TENSOR")), tys: types [optional(_), sparse f32[3], opaque("d", "n"), unset, ?[2], f16], sp: sparse f32[4] sparse(f32[1] {2.0}, i64[1] {3})} doc "said"
}
