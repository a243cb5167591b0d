; test: unusual
; i4 stands in a function, in the default of an attribute too
model ir=10 opset ""=21 opset "org.example"=1
function "org.example" "F" opset ""=21 defaults {d: tensor i4[2] hex"21"}
graph F() -> (%b) {
  %b = Constant() {value: tensor i4[2] hex"21"}
}
graph g() -> (%y, %z, %q) {
  const %f = f8e4m3fn[2] hex"3870"
  const %c = c64[1] hex"0000803f00000040"
  const %b = bf16[1] {1}
  %y = Cast(%f) {to: 1}
  %z = Neg(%c)
  %a = "org.example"::F()
  %q = Add(%a, %b)
}
---
3 element types are in use that many runtimes cannot compute with: c64 (tensors: 1), f8e4m3fn (tensors: 1), i4 (tensors: 2)
