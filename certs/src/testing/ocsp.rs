//! OCSP responses with every field in reach.

use schemas::seal::asn1;

use super::{Authority, SM2_WITH_SM3, bit_string, oid, sequence, tlv};
use crate::digest::sm3;

/// What a responder says about the certificate with number 7.
#[derive(Clone)]
pub(crate) struct Answer<'a> {
    pub(crate) says: &'a str,
    pub(crate) this_update: &'a str,
    /// When not at the same time.
    pub(crate) produced_at: Option<&'a str>,
    pub(crate) next_update: Option<&'a str>,
    pub(crate) serial: u8,
    pub(crate) digest: &'a str,
    /// Another issuer's name or key than the true one.
    pub(crate) wrong_issuer: bool,
    pub(crate) by_key: bool,
    pub(crate) critical: bool,
    /// Octets of the outer status: 0 says that there is an answer.
    pub(crate) outer: Option<u8>,
}

impl Default for Answer<'_> {
    fn default() -> Self {
        Self {
            says: "good",
            this_update: "20260501000000Z",
            produced_at: None,
            next_update: Some("20260701000000Z"),
            serial: 7,
            digest: "1.2.156.10197.1.401",
            wrong_issuer: false,
            by_key: false,
            critical: false,
            outer: Some(0),
        }
    }
}

impl Answer<'_> {
    fn digest(&self, of: &[u8]) -> Vec<u8> {
        let value = match self.digest {
            "1.3.14.3.2.26" => openssl::sha::sha1(of).to_vec(),
            _ => sm3(of).to_vec(),
        };
        tlv(asn1::OCTET_STRING, &value)
    }

    /// The response of `responder` about a certificate of `issuer`.
    pub(crate) fn signed(
        &self,
        issuer: &Authority,
        responder: &Authority,
        carried: &[&Authority],
    ) -> Vec<u8> {
        let time = |text: &str| tlv(asn1::GENERALIZED_TIME, text.as_bytes());
        let named = if self.wrong_issuer { responder } else { issuer };
        let id = sequence(&[
            sequence(&[oid(self.digest)]),
            self.digest(named.certificate().subject()),
            self.digest(named.certificate().key_bits()),
            tlv(asn1::INTEGER, &[self.serial]),
        ]);
        let status = match self.says {
            "good" => tlv(0x80, &[]),
            "unknown" => tlv(0x82, &[]),
            since => tlv(asn1::CONTEXT_1, &time(since)),
        };
        let mut single = vec![id, status, time(self.this_update)];
        single.extend(
            self.next_update
                .map(|next| tlv(asn1::CONTEXT_0, &time(next))),
        );
        if self.critical {
            let extension = sequence(&[
                oid("1.2.3"),
                tlv(asn1::BOOLEAN, &[0xff]),
                tlv(asn1::OCTET_STRING, &[]),
            ]);
            single.push(tlv(asn1::CONTEXT_1, &sequence(&[extension])));
        }
        let key = openssl::sha::sha1(responder.certificate().key_bits());
        let by_name = tlv(asn1::CONTEXT_1, responder.certificate().subject());
        let by_key = tlv(0xa2, &tlv(asn1::OCTET_STRING, &key));
        let data = sequence(&[
            if self.by_key { by_key } else { by_name },
            time(self.produced_at.unwrap_or(self.this_update)),
            sequence(&[sequence(&single)]),
        ]);
        let mut basic = vec![
            data.clone(),
            sequence(&[oid(SM2_WITH_SM3)]),
            bit_string(&responder.key.sign(&data)),
        ];
        if !carried.is_empty() {
            let certificates = carried.iter().map(|one| one.certificate().der().to_vec());
            let list = sequence(&certificates.collect::<Vec<_>>());
            basic.push(tlv(asn1::CONTEXT_0, &list));
        }
        let basic = sequence(&basic);
        let Some(outer) = self.outer else {
            return basic;
        };
        let inside = sequence(&[oid("1.3.6.1.5.5.7.48.1.1"), tlv(asn1::OCTET_STRING, &basic)]);
        sequence(&[tlv(0x0a, &[outer]), tlv(asn1::CONTEXT_0, &inside)])
    }
}
