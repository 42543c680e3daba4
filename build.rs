//! Makes cargo rebuild the package when files change that macros compile in.
fn main() {
    for folder in ["migrations", "templates", "config"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
