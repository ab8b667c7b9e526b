//! How uncertain a ratio of sums is, from its blocks: as many blocks as are not correlated with their neighbours.

use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use super::blocks::Block;

/// Fewer blocks say nothing.
pub const FEWEST: usize = 8;
/// More do not help: the spread of 32 blocks is known well enough.
pub const MOST: usize = 32;
/// Runs that differ more than in one of twenty cases differ.
const RUNS_DIFFER: f64 = 0.95;

/// Blocks as deviations from the ratio of all, run by run.
#[derive(Debug, Clone)]
pub struct Spread {
    /// One list for each run, of equal length.
    pub deviations: Vec<Vec<f64>>,
    /// Standard error of the ratio.
    pub error: f64,
    /// Degrees of freedom.
    pub freedom: f64,
    /// Correlation of neighbours is more than chance.
    pub correlated: bool,
    pub between_runs: bool,
}

impl Spread {
    /// Of runs that have been cut into equally many blocks.
    pub fn of(runs: &[Vec<Block>]) -> Self {
        let all = || runs.iter().flatten();
        let (sum, over): (f64, f64) = all().fold((0.0, 0.0), |(sum, over), it| (sum + it.sum, over + it.over));
        let blocks = all().count() as f64;
        let (ratio, mean_over) = (sum / over, over / blocks);
        let deviations: Vec<Vec<f64>> = runs
            .iter()
            .map(|run| run.iter().map(|block| (block.sum - ratio * block.over) / mean_over).collect())
            .collect();
        let correlation = neighbours(&deviations);
        let kept = correlation.clamp(0.0, 0.8);
        let wider = (1.0 + kept) / (1.0 - kept);
        let guessed = all().map(|block| block.guessed).sum::<f64>() / (over * over);
        let (variance, freedom, between_runs) = variance_of_mean(&deviations, wider);
        Self {
            deviations,
            error: (variance + guessed).sqrt(),
            freedom,
            // One-sided, at 5 %.
            correlated: correlation > 1.645 / blocks.sqrt(),
            between_runs,
        }
    }

    /// Correlation of blocks at the same place of two groups of runs.
    pub fn correlation(&self, other: &Self) -> f64 {
        let (mut products, mut own, mut others) = (0.0, 0.0, 0.0);
        for (a, b) in self.deviations.iter().flatten().zip(other.deviations.iter().flatten()) {
            products += a * b;
            own += a * a;
            others += b * b;
        }
        if own > 0.0 && others > 0.0 { products / (own * others).sqrt() } else { 0.0 }
    }
}

/// Correlation of neighbouring blocks (lag 1), freed from its bias.
fn neighbours(deviations: &[Vec<f64>]) -> f64 {
    let squares: f64 = deviations.iter().flatten().map(|it| it * it).sum();
    if squares <= 0.0 {
        return 0.0;
    }
    let products: f64 = deviations.iter().flat_map(|run| run.windows(2)).map(|pair| pair[0] * pair[1]).sum();
    let blocks = deviations.iter().map(Vec::len).sum::<usize>() as f64;
    products / squares + 1.0 / blocks
}

/// Variance of the mean of all blocks, and its degrees of freedom. Where whole runs differ more than their blocks
/// explain, only runs count.
fn variance_of_mean(deviations: &[Vec<f64>], wider: f64) -> (f64, f64, bool) {
    let (runs, each) = (deviations.len() as f64, deviations[0].len() as f64);
    let blocks = runs * each;
    let squares: f64 = deviations.iter().flatten().map(|it| it * it).sum();
    let pooled = (wider * squares / (blocks - 1.0) / blocks, blocks - 1.0, false);
    if deviations.len() < 2 {
        return pooled;
    }
    let mean = |run: &Vec<f64>| run.iter().sum::<f64>() / each;
    let between = each * deviations.iter().map(|run| mean(run).powi(2)).sum::<f64>() / (runs - 1.0);
    let within = squares - each * deviations.iter().map(|run| mean(run).powi(2)).sum::<f64>();
    let within = wider * within / (blocks - runs);
    let limit = FisherSnedecor::new(runs - 1.0, blocks - runs).map_or(f64::INFINITY, |f| f.inverse_cdf(RUNS_DIFFER));
    if between > limit * within { (between / blocks, runs - 1.0, true) } else { pooled }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[f64]) -> Vec<Block> {
        values.iter().map(|value| Block { sum: *value, over: 1.0, guessed: 0.0 }).collect()
    }

    #[test]
    fn without_correlation_it_is_the_standard_error() {
        let spread = Spread::of(&[run(&[1.0, 5.0, 3.0, 2.0, 4.0, 1.0, 5.0, 3.0])]);
        // The sum of squares about the mean is 18.
        assert!((spread.error - (18.0_f64 / 7.0 / 8.0).sqrt()).abs() < 1e-12);
        assert_eq!((spread.freedom, spread.correlated, spread.between_runs), (7.0, false, false));
    }

    #[test]
    fn a_trend_is_correlation_and_makes_it_wider() {
        let steady = Spread::of(&[run(&[1.0, 5.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0])]);
        let trend = Spread::of(&[run(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])]);
        assert!(trend.correlated && !steady.correlated);
        assert!(trend.error > 1.5 * steady.error);
    }

    #[test]
    fn runs_that_differ_count_as_runs() {
        let like = Spread::of(&[run(&[1.0, 3.0, 2.0, 2.5]), run(&[2.0, 3.0, 1.0, 2.6])]);
        assert_eq!((like.freedom, like.between_runs), (7.0, false));
        let other = Spread::of(&[run(&[1.0, 3.0, 2.0, 2.5]), run(&[22.0, 23.0, 21.0, 22.6])]);
        assert_eq!((other.freedom, other.between_runs), (1.0, true));
        assert!((other.error - 10.0).abs() < 0.1, "{}", other.error);
    }

    #[test]
    fn what_is_guessed_is_added() {
        let mut blocks = run(&[2.0; 8]);
        blocks[3].guessed = 16.0;
        assert!((Spread::of(&[blocks]).error - 0.5).abs() < 1e-12);
    }
}
