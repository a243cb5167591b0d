; test: print
model ir=10 opset ""=17 opset "peftc"=1
function "peftc" "Scale" overload "f32" opset ""=17 attribute "by" defaults {n: 2} doc "x times n" meta {"k": "v"}
graph Scale(%x) -> (%y) {
  %c = Constant() {value_float: ref float by}
  %y = Mul(%x, %c)
}
graph main(%a: f32[n]) -> (%b) {
  %b = "peftc"::Scale#"f32"(%a) {by: 0.5}
}
---
model ir=10 opset ""=17 opset "peftc"=1
function "peftc" "Scale" overload "f32" opset ""=17 attribute "by" defaults {n: 2} doc "x times n" meta {"k": "v"}
graph Scale(%x) -> (%y) {
  %c = Constant() {value_float: ref float by}
  %y = Mul(%x, %c)
}
graph main(%a: f32[n]) -> (%b) {
  %b = "peftc"::Scale#"f32"(%a) {by: 0.5}
}
