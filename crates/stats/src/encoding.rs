//! A histogram as it is stored: a flat list of numbers, `[gap, count, gap, count, …]`, one pair for each bucket that
//! has samples. A gap is the number of the bucket minus that of the one before it, so the list is short and two files
//! can be added up without loss. Whatever is read is checked.

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::histogram::{Bucket, Histogram};

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        let mut last = 0;
        for (bucket, count) in self.buckets() {
            list.serialize_element(&(bucket.index() - last))?;
            list.serialize_element(&count)?;
            last = bucket.index();
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Histogram;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a list of bucket gaps and counts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Histogram, A::Error> {
        let mut histogram = Histogram::new();
        let mut last: Option<u32> = None;
        while let Some(gap) = list.next_element::<u32>()? {
            let count: u64 = list.next_element()?.ok_or_else(|| A::Error::custom("a gap without a count"))?;
            let index = match (last, gap) {
                (Some(_), 0) => return Err(A::Error::custom("a bucket that comes twice")),
                (last, gap) => last.unwrap_or(0).checked_add(gap),
            };
            let bucket = index
                .and_then(Bucket::from_index)
                .ok_or_else(|| A::Error::custom("a bucket beyond the longest response time"))?;
            if count == 0 || count >= 1 << 47 || histogram.len() + count >= 1 << 47 {
                return Err(A::Error::custom("a count that cannot be"));
            }
            histogram.record_many(bucket, count);
            last = index;
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_gives_what_was_written(
            values in proptest::collection::vec(prop_oneof![0..5_000u64, 0..1u64 << 41], 0..300), many in 1..1u64 << 40
        ) {
            let mut histogram: Histogram = values.into_iter().collect();
            histogram.record_many(Bucket::of(many), many);
            let written = serde_json::to_string(&histogram).unwrap();
            let read: Histogram = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(read.percentiles(&[0.5, 0.99]), histogram.percentiles(&[0.5, 0.99]));
            prop_assert_eq!(read, histogram);
        }

        #[test]
        fn anything_else_is_refused_or_read_but_never_panics(list in proptest::collection::vec(any::<u64>(), 0..9)) {
            let text = serde_json::to_string(&list).unwrap();
            if let Ok(read) = serde_json::from_str::<Histogram>(&text) {
                prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
            }
        }
    }

    #[test]
    fn it_is_small_and_readable() {
        let histogram: Histogram = [7, 7, 9, 250_000].into_iter().collect();
        assert_eq!(
            serde_json::to_string(&histogram).unwrap(),
            format!("[7,2,2,1,{},1]", Bucket::of(250_000).index() - 9)
        );
        assert_eq!(serde_json::to_string(&Histogram::new()).unwrap(), "[]");
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refusal = |text: &str| serde_json::from_str::<Histogram>(text).unwrap_err().to_string();
        assert!(refusal("[7]").starts_with("a gap without a count"));
        assert!(refusal("[7, 1, 0, 1]").starts_with("a bucket that comes twice"));
        assert!(refusal("[99999, 1]").starts_with("a bucket beyond"));
        assert!(refusal("[7, 0]").starts_with("a count that cannot be"));
        assert!(refusal("\"AQID\"").contains("a list of bucket gaps and counts"));
    }
}
