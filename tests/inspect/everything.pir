model ir=10 opset ""=17 opset "org.example"=1 opset "com.microsoft"=1 producer "maker" "1.0"
function "org.example" "Scale" overload "f32" opset ""=18 attribute "by" defaults {d: tensor f32[1] {1}}
graph Scale(%a) -> (%b) {
  %k = Constant() name "two" {value: tensor f32[1] {2}}
  %e = Mul(%a, %k)
  %b = If(%a) captures(%e) name "inner" {then_branch: graph t() -> (%t) {
    capture %e = 0
    const %i = f32[1] {3}
    %t = Neg(%i)
  }, else_branch: graph e() -> (%f) {
    const %j = f32[1] {4}
    %f = Neg(%j)
  }}
}
function "org.example" "Spare" opset ""=18
graph Spare(%a) -> (%a) {
}
graph main(%x: f32[batch, ?, 2], %images: sequence(f32[n]), %flag: bool[], %gain: f32[2] = f32[2] {1, 1}) -> (%y, %z) {
  const %w = f32[2, 3] {1, 2, 3, 4, 5, 6}
  %c = Constant() {value: tensor i64[1] {2}}
  %s = "org.example"::Scale#"f32"(%x)
  %r = "org.example"::Scale#"f32"(%s)
  %z: f32[batch, ?, 3] = MatMul(%r, %w) name "/model/layers.0/proj/MatMul"
  %y: f32[3] = If(%flag) captures(%c, %gain) name "if" {then_branch: graph t() -> (%t) {
    capture %c = 0
    capture %gain = 1
    %n = Neg(%gain)
    %t = "org.example"::Scale#"f32"(%n)
  }, else_branch: graph e() -> (%constant) {
    const %constant = f32[3] {7, 8, 9}
  }}
}
