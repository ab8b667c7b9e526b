//! What is compared. The same words as in thresholds.

use serde::{Serialize, Serializer};

use crate::thresholds::Unit;

#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String"))]
pub enum Measure {
    /// From 0 to 1.
    Percentile(f64),
    Average,
    /// Requests per second.
    RequestRate,
    /// Failures by requests.
    FailRatio,
}

impl Measure {
    /// Those that are always shown.
    pub const SHOWN: [Self; 6] = [
        Self::Percentile(0.5),
        Self::Percentile(0.95),
        Self::Percentile(0.99),
        Self::Average,
        Self::RequestRate,
        Self::FailRatio,
    ];

    pub fn unit(self) -> Unit {
        match self {
            Self::Percentile(_) | Self::Average => Unit::Time,
            Self::RequestRate => Unit::PerSecond,
            Self::FailRatio => Unit::Ratio,
        }
    }

    /// Whether a larger value is the better one.
    pub fn more_is_better(self) -> bool {
        self == Self::RequestRate
    }

    /// As conditions call it.
    pub fn name(self) -> String {
        match self {
            Self::Percentile(0.5) => "median".to_owned(),
            Self::Percentile(p) => format!("p{}", (p * 1e8).round() / 1e6),
            Self::Average => "avg".to_owned(),
            Self::RequestRate => "rps".to_owned(),
            Self::FailRatio => "fail_ratio".to_owned(),
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}
