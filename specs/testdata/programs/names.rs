//! For each byte of standard input, 37 calls of a function, with numbers that are known.

use std::io::{Read, Write};

mod bank {
    #[inline(never)]
    pub fn add(sum: u64, amount: u64) -> u64 {
        sum + amount
    }
}

fn main() -> std::io::Result<()> {
    let (mut sum, mut byte) = (0, [0]);
    while std::io::stdin().read(&mut byte)? == 1 {
        for i in 0..37 {
            sum = bank::add(std::hint::black_box(sum), 1009 + 17 * i);
        }
        std::io::stdout().write_all(&byte)?;
        std::io::stdout().flush()?;
    }
    Ok(())
}
