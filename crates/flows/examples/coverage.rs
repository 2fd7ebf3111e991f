//! Prints docs/coverage.md: `cargo xtask coverage` writes it, `cargo xtask check` compares it.

fn main() {
    print!("{}", flows::coverage::markdown());
}
