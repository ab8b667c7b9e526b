//! Locust's coarse response-time buckets: whole milliseconds below 100, then two significant digits.
//! A view for scripts and peers that expect this shape; no figure of ours is computed from it.

/// `value / unit`, rounded to the nearest whole number, halves to the even one as Python's `round` does.
pub fn round_half_even(value: u64, unit: u64) -> u64 {
    let (whole, rest) = (value / unit, value % unit);
    match (rest * 2).cmp(&unit) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole % 2,
    }
}

/// The bucket, in milliseconds, of a response time in microseconds.
pub fn bucket_ms(response_time_us: u64) -> u64 {
    let step_ms = match response_time_us {
        0..100_000 => 1,
        100_000..1_000_000 => 10,
        1_000_000..10_000_000 => 100,
        _ => 1_000,
    };
    round_half_even(response_time_us, step_ms * 1_000) * step_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let samples_us_ms = [
            (0, 0),
            (500, 0),
            (1_500, 2),
            (2_500, 2),
            (99_600, 100),
            (105_000, 100),
            (145_000, 140),
            (147_000, 150),
            (155_000, 160),
            (999_000, 1_000),
            (3_432_000, 3_400),
            (10_500_000, 10_000),
            (11_500_000, 12_000),
            (58_760_000, 59_000),
        ];
        for (us, ms) in samples_us_ms {
            assert_eq!(bucket_ms(us), ms, "{us} us");
        }
    }
}
