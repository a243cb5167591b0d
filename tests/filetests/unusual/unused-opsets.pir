; test: unusual
; the import of org.functions is used by a function alone
model ir=8 opset "ai.onnx"=17 opset "org.functions"=1 opset "com.microsoft"=1
function "org.functions" "F" opset ""=17 opset "org.functions"=1
graph F(%a) -> (%b) {
  %c = "org.functions"::Inner(%a)
  %b = Neg(%c)
}
graph g(%x: f32[2]) -> (%y) {
  %y = "org.functions"::F(%x)
}
---
1 opset is imported that no node uses: com.microsoft 1
