//! Spends 70 of 100 parts of its time in `share::seventy` and 30 in `share::thirty`, for
//! ever: see split.c.

mod share {
    #[inline(never)]
    pub fn seventy(x: u64) -> u64 {
        spend(x, 70)
    }

    #[inline(never)]
    pub fn thirty(x: u64) -> u64 {
        spend(x, 30)
    }

    #[inline(always)]
    fn spend(mut x: u64, parts: u64) -> u64 {
        for _ in 0..parts * 10_000 {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(std::hint::black_box(1442695040888963407));
        }
        x
    }
}

fn main() {
    let mut x = 1;
    loop {
        x = std::hint::black_box(share::thirty(share::seventy(x)));
    }
}
