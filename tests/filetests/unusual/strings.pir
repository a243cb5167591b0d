; test: unusual
model ir=8 opset ""=17
graph g() -> (%y) {
  const %words = string[2] {"a", "b"}
  %y = Identity(%words)
}
---
1 tensor holds strings: "words"
