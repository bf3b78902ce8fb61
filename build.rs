//! Migrations are embedded by a macro that cargo cannot see through: rebuild when they change.
fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
