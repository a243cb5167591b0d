; test: unusual
; the function covers org.example::F in the main graph; in its own body nothing is imported
model ir=8 opset ""=17
function "org.example" "F" 
graph F(%a) -> (%b) {
  %b = Neg(%a)
}
graph g(%x: f32[2]) -> (%y) {
  %p = "org.example"::F(%x)
  %q = "com.custom"::Foo(%p)
  %y = "com.custom"::Bar(%q)
}
---
2 domains of operators are neither imported as opsets nor made of functions: ai.onnx (Neg), com.custom (Bar, Foo)
