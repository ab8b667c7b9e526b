//! Messages between nodes: a msgpack array of type, data and node id, in Locust's form. Pure.

use rmpv::Value;

/// Nesting of data that is followed; more is refused.
const DEEPEST: usize = 128;
const VECTOR: &str = "a vector takes every byte";

/// Why bytes are no message.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no message: an array of type, data and node id was expected")]
    Shape,
    #[error("no message: broken msgpack")]
    Msgpack(#[from] rmpv::decode::Error),
    #[error("a '{kind}' message whose data is not what belongs there")]
    Data { kind: String, source: rmp_serde::decode::Error },
    #[error(transparent)]
    Fine(#[from] crate::report::fine::Error),
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// `client_ready`, `spawn`, … or a name of the user's own.
    pub kind: String,
    pub data: Value,
    /// The sender's id from workers, the addressee's from masters.
    pub node_id: String,
}

impl Message {
    pub fn new(kind: &str, data: Value, node_id: &str) -> Self {
        Self { kind: kind.to_owned(), data, node_id: node_id.to_owned() }
    }

    /// As it goes on the wire.
    ///
    /// # Panics
    /// Never: a vector takes every byte.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmp::encode::write_array_len(&mut bytes, 3).expect(VECTOR);
        rmp::encode::write_str(&mut bytes, &self.kind).expect(VECTOR);
        rmpv::encode::write_value(&mut bytes, &self.data).expect(VECTOR);
        rmp::encode::write_str(&mut bytes, &self.node_id).expect(VECTOR);
        bytes
    }

    /// Read a message.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut rest = bytes;
        let value = rmpv::decode::read_value_with_max_depth(&mut rest, DEEPEST)?;
        let Value::Array(parts) = value else { return Err(Error::Shape) };
        let [kind, data, node_id]: [Value; 3] = parts.try_into().map_err(|_| Error::Shape)?;
        match (kind.as_str(), node_id.as_str(), rest.is_empty()) {
            (Some(kind), Some(node_id), true) => Ok(Self { kind: kind.to_owned(), node_id: node_id.to_owned(), data }),
            _ => Err(Error::Shape),
        }
    }

    /// The type of an encoded message, without reading the rest.
    pub fn kind_of(bytes: &[u8]) -> Option<&str> {
        let mut rest = bytes;
        if rmp::decode::read_array_len(&mut rest).ok()? != 3 {
            return None;
        }
        rmp::decode::read_str_from_slice(rest).ok().map(|(kind, _)| kind)
    }

    /// A field of the data.
    pub fn field(&self, name: &str) -> Option<&Value> {
        field(&self.data, name)
    }
}

/// A field of a map with string keys.
pub fn field<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

/// A map with string keys.
pub fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Map(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// Counts by class, of a map with whole numbers; what is none is left out.
pub fn counts(value: Option<&Value>) -> Vec<(String, u64)> {
    let pairs = value.and_then(Value::as_map).map(Vec::as_slice).unwrap_or_default();
    pairs.iter().filter_map(|(name, count)| Some((name.as_str()?.to_owned(), count.as_u64()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-1e12..1e12).prop_map(Value::F64),
            ".*".prop_map(Value::from),
            prop::collection::vec(any::<u8>(), 0..20).prop_map(Value::Binary),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                prop::collection::vec((inner.clone(), inner), 0..6).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(kind in ".{0,20}", data in values(), node_id in ".{0,20}") {
            let message = Message { kind, data, node_id };
            let bytes = message.encode();
            prop_assert_eq!(Message::kind_of(&bytes), Some(message.kind.as_str()));
            prop_assert_eq!(Message::decode(&bytes).unwrap(), message);
        }

        #[test]
        fn cut_or_changed_bytes_never_panic(data in values(), at in 0_usize..200, byte: u8) {
            let mut bytes = Message::new("stats", data, "host_1").encode();
            let length = bytes.len();
            Message::decode(&bytes[..at.min(length)]).ok();
            bytes[at % length] = byte;
            Message::decode(&bytes).ok();
        }
    }

    #[test]
    fn the_form_is_locusts() {
        let quit = Message::new("quit", Value::Nil, "fake_1");
        assert_eq!(quit.encode(), b"\x93\xa4quit\xc0\xa6fake_1");
    }

    #[test]
    fn what_is_no_message_says_so() {
        for bytes in [&b""[..], b"\xc0", b"\x92\xa1a\xc0", b"\x93\x01\xc0\xa1b", b"\x93\xa1a\xc0\xa1b\x00"] {
            assert!(Message::decode(bytes).is_err(), "{bytes:?}");
        }
        let mut deep = b"\x93\xa1a".to_vec();
        deep.extend([0x91; 100_000]);
        assert!(Message::decode(&deep).is_err());
    }
}
