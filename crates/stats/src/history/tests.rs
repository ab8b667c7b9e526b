use proptest::prelude::*;

use super::*;
use crate::request_stats::{EntryId, Stats};

fn request(entry: u32, second: u32, us: u64) -> Sample {
    Sample::request(EntryId::from_index(entry), f64::from(second), Some(us), 10)
}

fn told(segments: &[Segment<TotalPoint>]) -> Vec<(u32, u32, u32, u32)> {
    let points = segments.iter().flat_map(|segment| segment.points.iter().map(|point| (segment.step_s, point)));
    points.map(|(step, total)| (step, total.point.start, total.point.requests, total.users)).collect()
}

#[test]
fn seconds_of_the_total_have_no_gaps_and_those_of_names_do() {
    let mut history = History::default();
    history.set_users(4);
    history.take_in(&[request(0, 100, 5_000), request(1, 100, 7_000), request(0, 103, 9_000), request(0, 104, 1)]);
    history.take_in(&[Sample::failure(EntryId::from_index(0), 103.0)]);
    history.close(104.5);
    assert_eq!(told(&history.total(0)), [(1, 100, 2, 4), (1, 101, 0, 4), (1, 102, 0, 4), (1, 103, 1, 4)]);
    let name = history.name(0, 0);
    assert_eq!(name[0].points.iter().map(|point| point.start).collect::<Vec<_>>(), [100, 103]);
    let last = name[0].points[1];
    assert_eq!((last.failures, last.percentiles_us, last.max_us, last.bytes), (1, [9_000; 3], 9_000, 10));
    assert!(history.name(7, 0).is_empty());
    assert_eq!(history.latest().map(|total| total.point.start), Some(103));
    history.close(105.0);
    assert_eq!(history.latest().map(|total| total.point.requests), Some(1));
}

#[test]
fn what_comes_too_late_counts_in_the_next_second() {
    let mut history = History::default();
    history.take_in(&[request(0, 100, 5)]);
    history.close(102.0);
    history.take_in(&[request(0, 99, 5), request(0, 100, 5)]);
    history.close(103.0);
    assert_eq!(told(&history.total(0)), [(1, 100, 1, 0), (1, 101, 0, 0), (1, 102, 2, 0)]);
}

#[test]
fn a_long_pause_is_not_filled_with_zeros() {
    let mut history = History::default();
    history.take_in(&[request(0, 100, 5)]);
    history.close(101.0);
    history.take_in(&[request(0, 900_000, 5)]);
    history.close(900_001.0);
    assert_eq!(told(&history.total(0)), [(1, 100, 1, 0), (1, 900_000, 1, 0)]);
}

#[test]
fn a_long_run_is_thinned_and_adds_up() {
    let plan = Plan { total: [30, 30, 30, 30], name: [20, 20, 20, 20], least: [20; 4], budget: 1_000 };
    let mut history = History::new(plan);
    for second in 6_000..9_000 {
        history.take_in(&[request(0, second, 1_000), request(0, second, 3_000), request(1, second, 2_000)]);
        history.close(f64::from(second + 1));
    }
    let total = history.total(0);
    assert_eq!(total.iter().map(|segment| segment.step_s).collect::<Vec<_>>(), [600, 60, 10, 1]);
    let requests: u32 = total.iter().flat_map(|segment| &segment.points).map(|total| total.point.requests).sum();
    assert_eq!(requests, 9_000);
    for segment in &total {
        for total in &segment.points {
            assert_eq!(total.point.requests, 3 * segment.step_s);
            assert_eq!(total.heat.iter().map(|(_, amount)| amount).sum::<u32>(), total.point.requests);
        }
    }
    let name = history.name(0, 0);
    assert_eq!(name.iter().flat_map(|segment| &segment.points).map(|point| point.requests).sum::<u32>(), 6_000);
}

/// Windows of every width, told from all of their samples at once.
#[test]
fn a_longer_window_is_made_of_all_that_came_in_the_shorter_ones() {
    let mut history = History::new(Plan { name: [1, 1, 1, 9], least: [1, 1, 1, 9], ..Plan::default() });
    let mut times: Vec<u64> = Vec::new();
    for second in 6_000..6_600u32 {
        let came: Vec<u64> = (0..second % 7).map(|at| u64::from(second * 3_301 + at * 77_003) % 900_000).collect();
        history.take_in(&came.iter().map(|us| request(0, second, *us)).collect::<Vec<_>>());
        history.close(f64::from(second + 1));
        times.extend(&came);
        if second % 10 == 3 {
            history.take_in(&[Sample::failure(EntryId::from_index(0), f64::from(second))]);
        }
    }
    times.sort_unstable();
    let segments = history.name_overview(0, 3);
    let [point] = segments[0].points[..] else { panic!("{segments:?}") };
    assert_eq!((point.start, point.requests, point.failures), (6_000, times.len() as u32, 60));
    assert_eq!((u64::from(point.max_us), point.bytes), (times[times.len() - 1], times.len() as u64 * 10));
    assert_eq!(u64::from(point.mean_us), times.iter().sum::<u64>() / times.len() as u64);
    for (told, p) in point.percentiles_us.into_iter().zip(PERCENTILES) {
        assert_eq!(Code::of(told.into()), Code::of(times[(times.len() as f64 * p) as usize]));
    }
}

#[test]
fn percentiles_of_a_long_window_are_those_of_its_samples() {
    let mut history = History::new(Plan { name: [1; 4], least: [1; 4], ..Plan::default() });
    // Nine fast seconds and a slow one: the mean of the seconds' percentiles would be far off.
    for second in 6_000..6_010u32 {
        let us = if second == 6_009 { 400_000 } else { 2_000 };
        history.take_in(&(0..100).map(|_| request(0, second, us)).collect::<Vec<_>>());
    }
    history.close(6_010.0);
    let point = history.name(0, 0)[0].points[0];
    assert_eq!((point.start, point.requests), (6_000, 1_000));
    assert_eq!(point.mean_us, 41_800);
    assert!(point.percentiles_us[0].abs_diff(2_000) <= 8, "{point:?}");
    assert!(point.percentiles_us[1].abs_diff(400_000) <= 1_600, "{point:?}");
}

#[test]
fn a_day_of_ten_thousand_names_fits_into_a_fixed_memory() {
    let plan = Plan::default();
    let points: usize = plan.of_names(10_000).iter().sum();
    assert!(10_000 * points * size_of::<Point>() <= 100 << 20);
    let [seconds, tens, minutes, ten_minutes] = plan.of_names(10_000);
    assert!(seconds >= 10 && tens * 10 >= 60 && minutes * 60 >= 600 && ten_minutes * 600 >= 86_400);
}

#[test]
fn memory_of_a_name_does_not_grow_with_time() {
    let plan = Plan { total: [10; 4], name: [10; 4], least: [10; 4], budget: 1 };
    let mut history = History::new(plan);
    let mut sizes = Vec::new();
    for second in 0..40_000u32 {
        history.take_in(&[request(0, second, 1_000 + u64::from(second % 900) * 100)]);
        history.close(f64::from(second + 1));
        if second % 10_000 == 9_999 {
            sizes.push(history.heap_bytes());
        }
    }
    assert_eq!(sizes[1], sizes[3], "{sizes:?}");
}

proptest! {
    #[test]
    fn the_series_add_up_to_the_statistics(
        samples in proptest::collection::vec((0..5u32, 0..40u32, proptest::option::of(0..9_000_000u64), any::<bool>()), 0..300)
    ) {
        let mut samples = samples;
        samples.sort_unstable_by_key(|(_, second, ..)| *second);
        let (mut stats, mut history, mut taken) = (Stats::new(0.0), History::default(), Vec::new());
        stats.follow();
        let mut at = 0.0;
        for (name, second, us, failed) in &samples {
            at = 1_000.0 + f64::from(*second);
            let id = stats.entry("GET", &name.to_string(), at);
            stats.record(id, at, *us, 3);
            if *failed {
                stats.record_failure(id, at, "E()");
            }
            if *name == 0 {
                prop_assert_eq!(stats.take_samples(&mut taken), 0);
                history.take_in(&taken);
                history.close(at);
            }
        }
        stats.take_samples(&mut taken);
        history.take_in(&taken);
        history.close(at + 1.0);
        let sum = |points: Vec<Point>| {
            points.iter().fold((0, 0, 0), |(requests, failures, bytes), point| {
                (requests + u64::from(point.requests), failures + u64::from(point.failures), bytes + point.bytes)
            })
        };
        let figures = |entry: &crate::Entry| (entry.num_requests(), entry.num_failures(), entry.total_content_length());
        let total = history.total(0).into_iter().flat_map(|segment| segment.points).map(|total| total.point).collect();
        prop_assert_eq!(sum(total), figures(stats.total()));
        for (id, entry) in stats.entries().enumerate() {
            let points = history.name(id as u32, 0).into_iter().flat_map(|segment| segment.points).collect();
            prop_assert_eq!(sum(points), figures(entry));
        }
    }
}
