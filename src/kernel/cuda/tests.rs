use super::text;
#[test]
fn see() {
    let kernel = crate::kernel::parse(&std::fs::read_to_string("/tmp/k.kernel").unwrap()).unwrap();
    println!("{}", text(&kernel).unwrap());
}
