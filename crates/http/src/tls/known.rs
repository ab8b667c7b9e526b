//! Certificates that were verified a moment ago: a load test meets the same ones a thousand times, and half of what a new
//! connection's certificates cost is the signatures on them. That the server holds the key is no part of this: its
//! signature on the handshake is verified on every connection.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificate::Fields;

/// How long a verdict holds, if no certificate ends earlier.
const LIFETIME: Duration = Duration::from_secs(300);
/// Servers that are met at the same time; beyond, the oldest verdict goes.
const MAX_CHAINS: usize = 64;
/// What no sensible server sends is verified every time.
const MAX_CHAIN_BYTES: usize = 16 << 10;

/// Everything that a verdict depends on, besides the roots, which a list of verdicts is for.
#[derive(Debug)]
struct Verdict {
    /// The server's first, as they came.
    certificates: Vec<CertificateDer<'static>>,
    name: ServerName<'static>,
    /// In seconds since 1970; `until` is no part of it.
    from: u64,
    until: u64,
}

/// Good verdicts only, under one set of roots.
#[derive(Debug, Default)]
pub struct KnownChains(Mutex<VecDeque<Verdict>>);

impl KnownChains {
    /// Whether exactly these certificates were found good for this name, and still are.
    pub fn holds(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> bool {
        self.verdicts().iter().any(|verdict| {
            (verdict.from..verdict.until).contains(&now.as_secs())
                && verdict.certificates.iter().eq(std::iter::once(end_entity).chain(intermediates))
                && verdict.name == *name
        })
    }

    /// Remembers that they were found good now.
    pub fn remember(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) {
        let certificates = || std::iter::once(end_entity).chain(intermediates);
        let bytes: usize = certificates().map(|certificate| certificate.len()).sum();
        let ends = certificates().map(|certificate| Some(Fields::read(certificate)?.not_after));
        let end = ends.min().flatten().and_then(|end| u64::try_from(end).ok());
        let (from, Some(end)) = (now.as_secs(), end) else { return };
        let until = end.min(from + LIFETIME.as_secs());
        if bytes > MAX_CHAIN_BYTES || until <= from {
            return;
        }
        let certificates = certificates().map(|certificate| certificate.clone().into_owned()).collect();
        let mut verdicts = self.verdicts();
        verdicts.retain(|verdict| (verdict.from..verdict.until).contains(&from));
        if verdicts.len() == MAX_CHAINS {
            verdicts.pop_front();
        }
        verdicts.push_back(Verdict { certificates, name: name.to_owned(), from, until });
    }

    fn verdicts(&self) -> MutexGuard<'_, VecDeque<Verdict>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01.
    const START: u64 = 1_767_225_600;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn name(name: &str) -> ServerName<'static> {
        ServerName::try_from(name.to_owned()).unwrap()
    }

    fn certificate(change: impl Fn(&mut rcgen::CertificateParams)) -> CertificateDer<'static> {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut parameters);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn only_the_same_certificates_for_the_same_name_are_known() {
        let (known, [own, other, between]) = (KnownChains::default(), [(); 3].map(|()| certificate(|_| {})));
        let (host, chain, now) = (name("localhost"), [between.clone()], at(START));
        assert!(!known.holds(&own, &chain, &host, now));
        known.remember(&own, &chain, &host, now);
        assert!(known.holds(&own, &chain, &host, now));
        assert!(!known.holds(&other, &chain, &host, now), "another certificate");
        assert!(!known.holds(&own, &[], &host, now), "less of a chain");
        assert!(!known.holds(&own, &[between, other.clone()], &host, now), "more of a chain");
        assert!(!known.holds(&own, &[other], &host, now), "another chain");
        assert!(!known.holds(&own, &chain, &name("example.org"), now), "another name");
        assert!(!known.holds(&own, &chain, &name("127.0.0.1"), now), "an address");
    }

    #[test]
    fn a_verdict_ends_after_minutes_or_with_a_certificate() {
        let (known, host, own) = (KnownChains::default(), name("localhost"), certificate(|_| {}));
        known.remember(&own, &[], &host, at(START));
        assert!(known.holds(&own, &[], &host, at(START + 299)));
        assert!(!known.holds(&own, &[], &host, at(START + 300)));
        assert!(!known.holds(&own, &[], &host, at(START - 1)), "the clock was put back");

        let end = rcgen::date_time_ymd(2026, 1, 1) + Duration::from_secs(10);
        let brief = certificate(|parameters| parameters.not_after = end);
        for (end_entity, chain) in [(brief.clone(), vec![]), (own, vec![brief])] {
            known.remember(&end_entity, &chain, &host, at(START));
            assert!(known.holds(&end_entity, &chain, &host, at(START + 9)));
            assert!(!known.holds(&end_entity, &chain, &host, at(START + 10)));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (known, own, now) = (KnownChains::default(), certificate(|_| {}), at(START));
        let host = |index: usize| name(&format!("host{index}"));
        for index in 0..=MAX_CHAINS {
            known.remember(&own, &[], &host(index), now);
        }
        assert_eq!(known.verdicts().len(), MAX_CHAINS);
        assert!(!known.holds(&own, &[], &host(0), now) && known.holds(&own, &[], &host(MAX_CHAINS), now));

        let many = vec![own.clone(); MAX_CHAIN_BYTES / own.len()];
        known.remember(&own, &many, &host(0), now);
        assert!(!known.holds(&own, &many, &host(0), now));

        let nonsense = CertificateDer::from(vec![1, 2, 3]);
        known.remember(&nonsense, &[], &host(0), now);
        assert!(!known.holds(&nonsense, &[], &host(0), now));

        let later = at(START + 300);
        known.remember(&own, &[], &host(0), later);
        assert_eq!(known.verdicts().len(), 1, "what is over goes");
    }
}
