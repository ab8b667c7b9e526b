//! Numbers, times and percentiles as text, exactly as Python prints them in Locust's tables and files.

use std::fmt::Write;

use gregaria_stats::bucket::round_half_even;

const WRITTEN: &str = "writing to memory does not fail";

/// `repr(float)`: the shortest digits that read back as the same number; an exponent below 1e-4 and from 1e16 on.
pub fn float(value: f64) -> String {
    let mut text = String::new();
    write_float(&mut text, value);
    text
}

/// As [`float`], at the end of a text.
pub fn write_float(text: &mut String, value: f64) {
    if value.is_nan() {
        return text.push_str("nan");
    }
    if value.is_infinite() {
        return text.push_str(if value > 0.0 { "inf" } else { "-inf" });
    }
    if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) {
        let scientific = format!("{value:e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return write!(text, "{digits}e{sign}{:02}", exponent.unsigned_abs()).expect(WRITTEN);
    }
    text.push_str(ryu::Buffer::new().format_finite(value));
}

/// A whole number.
pub fn write_count(text: &mut String, count: u64) {
    text.push_str(itoa::Buffer::new().format(count));
}

/// A rate with six digits after the point.
pub fn write_rate(text: &mut String, rate: f64) {
    const MILLIONTHS: f64 = 1e6;
    let millionths = rate * MILLIONTHS;
    let nearest = millionths.round();
    // So small that the product is off by far less than what would change the rounding.
    let is_clear = (0.0..1e12).contains(&millionths) && (millionths - nearest).abs() < 0.49;
    if !is_clear || rate.is_sign_negative() {
        return write!(text, "{rate:.6}").expect(WRITTEN);
    }
    let millionths = nearest as u64;
    write_count(text, millionths / MILLIONTHS as u64);
    text.push('.');
    write_padded::<6>(text, millionths % MILLIONTHS as u64);
}

/// Exactly so many digits.
fn write_padded<const DIGITS: usize>(text: &mut String, mut number: u64) {
    let mut digits = [0_u8; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    digits.iter().for_each(|digit| text.push(char::from(*digit)));
}

/// A response time in milliseconds as a float, or `0` where it is zero or unknown.
pub fn write_exact_ms(text: &mut String, response_time_us: Option<u64>) {
    match response_time_us {
        None | Some(0) => text.push('0'),
        // A float shows fifteen digits as they are.
        Some(us) if us < 1_000_000_000_000_000 => {
            write_count(text, us / 1_000);
            text.push('.');
            match us % 1_000 {
                rest if rest % 100 == 0 => write_padded::<1>(text, rest / 100),
                rest if rest % 10 == 0 => write_padded::<2>(text, rest / 10),
                rest => write_padded::<3>(text, rest),
            }
        }
        Some(us) => write_float(text, us as f64 / 1_000.0),
    }
}

/// A response time in milliseconds that is shown without a fraction if it has none.
pub fn write_shortest_ms(text: &mut String, response_time_us: Option<u64>) {
    match response_time_us {
        Some(us) if us % 1_000 != 0 => write_exact_ms(text, Some(us)),
        us => write_count(text, us.unwrap_or(0) / 1_000),
    }
}

/// A response time in whole milliseconds.
pub fn rounded_ms(response_time_us: u64) -> u64 {
    round_half_even(response_time_us, 1_000)
}

/// The heading of a percentile: `50%`, `99.9%`.
pub fn percentile_label(p: f64) -> String {
    let percent = p * 100.0;
    if percent.fract() == 0.0 {
        return format!("{}%", percent as i64);
    }
    format!("{}%", float(format!("{percent:.6}").parse().unwrap_or(percent)))
}

/// A point in time as UTC to the second: `2026-11-21T05:06:29Z`.
pub fn utc(seconds_since_epoch: f64) -> String {
    let seconds = seconds_since_epoch as i64;
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(day);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

/// Year, month and day of a day since 1970, counted in years that begin in March so that leap days come last.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_as_python_prints_them() {
        let samples = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (5.0, "5.0"),
            (5.488162000006014, "5.488162000006014"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001234, "1.234e-05"),
            (0.00009999999999999999, "9.999999999999999e-05"),
            (1e15, "1000000000000000.0"),
            // As near to .3 as to .2.
            (1_311_045_223_135_972.0 + 0.25, "1311045223135972.2"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (-2.5, "-2.5"),
        ];
        for (value, text) in samples {
            assert_eq!(float(value), text);
        }
    }

    proptest! {
        #[test]
        fn floats_read_back(value in proptest::num::f64::NORMAL) {
            prop_assert_eq!(float(value).parse::<f64>(), Ok(value));
        }

        #[test]
        fn floats_have_the_shortest_digits(value in prop_oneof![0.0..1e6f64, 1e-4..1.0f64, 1e5..1e9f64, (0..1u64 << 40).prop_map(|it| it as f64 / 10.0)]) {
            let shortest = format!("{value}");
            prop_assert_eq!(float(value), if value.fract() == 0.0 { shortest + ".0" } else { shortest });
        }

        #[test]
        fn rates_are_rounded_as_the_exact_number_is(
            rate in prop_oneof![0.0..1e5f64, 0.0..1e9f64, -1.0..1.0f64, (0..1u64 << 30, 1..40u64).prop_map(|(a, b)| a as f64 / b as f64),
                (0..1u64 << 45).prop_map(|it| it as f64 / 128e6), proptest::num::f64::ANY]
        ) {
            let mut text = String::new();
            write_rate(&mut text, rate);
            prop_assert_eq!(text, format!("{rate:.6}"));
        }

        #[test]
        fn times_are_written_as_floats_are(us in prop_oneof![1..100_000u64, 1..1u64 << 40, 1..u64::MAX]) {
            let mut text = String::new();
            write_exact_ms(&mut text, Some(us));
            prop_assert_eq!(text, float(us as f64 / 1_000.0));
        }
    }

    #[test]
    fn labels() {
        let labels: Vec<_> = [0.5, 0.66, 0.07, 0.999, 0.9999, 1.0].map(percentile_label).into();
        assert_eq!(labels, ["50%", "66%", "7.0%", "99.9%", "99.99%", "100%"]);
    }

    #[test]
    fn response_times() {
        let told = |write: fn(&mut String, Option<u64>), us| {
            let mut text = String::new();
            write(&mut text, us);
            text
        };
        let times = [None, Some(0), Some(5_000), Some(44_080)];
        assert_eq!(times.map(|us| told(write_exact_ms, us)), ["0", "0", "5.0", "44.08"]);
        assert_eq!(times.map(|us| told(write_shortest_ms, us)), ["0", "0", "5", "44.08"]);
    }

    #[test]
    fn dates() {
        assert_eq!(utc(0.0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400.9), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_237_589.0), "2026-11-21T05:06:29Z");
        assert_eq!(utc(4_107_542_399.0), "2100-02-28T23:59:59Z");
        assert_eq!(utc(4_107_542_400.0), "2100-03-01T00:00:00Z");
    }
}
