//! Has the package rebuilt when a file changes that it compiles in through a macro.
fn main() {
    for folder in ["migrations", "templates", "config"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
