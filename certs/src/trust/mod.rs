//! What is trusted: anchors, intermediates, seal makers and revocation lists.
//!
//! What a certificate counts as follows from itself (ARCHITECTURE.md, Verdicts, `--trust DIR`): a
//! self-signed CA certificate is an anchor, another CA certificate an intermediate that must
//! still chain to one, any other certificate a trusted seal maker. A certificate that was
//! *withdrawn* is nothing of all that, wherever else it is listed or carried along.

mod error;
mod folder;
mod item;
mod lists;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, OnceLock};

pub use error::TrustError;
pub use folder::{MAX_FOLDER_FILES, MAX_TRUST_FILE_BYTES};
pub use item::{
    KnownKey, KnownNode, Material, certificates_of_file, check_item, content_of_certificate,
    contents_of_file, is_older_list, item_name_of, older_list_name_of, says_more,
};

use self::lists::{Lists, MAX_EARLIER_BYTES};
use crate::certificate::Certificate;
use crate::crl::Crl;
use crate::digest::sm3;
use crate::path::{ChainCache, anchors_above};

pub(crate) use self::lists::ListWord;

/// Most certificates of a store: some hundred CAs and every seal maker of the country fit
/// (`\[P\]` profile).
pub const MAX_CERTIFICATES: usize = 65_536;
/// Most revocation lists of a store (`\[P\]` profile).
pub const MAX_CRLS: usize = 4096;

/// Anchors, intermediates, trusted seal makers and revocation lists, with a count of changes.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    /// By SM3 of the certificate; holds every certificate of the store.
    certificates: BTreeMap<[u8; 32], Trusted>,
    /// By subject name.
    anchors: HashMap<Vec<u8>, Vec<Arc<Certificate>>>,
    /// By subject name.
    intermediates: HashMap<Vec<u8>, Vec<Arc<Certificate>>>,
    lists: Lists,
    /// SM3 of the signed part of certificates that are not trusted whatever they are: their
    /// signatures can be written, and for whoever has the key made, in other ways.
    withdrawn: BTreeMap<[u8; 32], Role>,
    maker_count: usize,
    epoch: u64,
    /// Paths that were searched since the last change.
    chains: ChainCache,
    /// Computed when it is first asked for: a store with every maker of the country is large.
    fingerprint: OnceLock<String>,
}

/// What a certificate of the store counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A self-signed CA certificate: paths end here.
    Anchor,
    /// Another CA certificate: it must still chain to an anchor.
    Intermediate,
    /// A certificate without CA rights: its seals are trusted.
    SealMaker,
}

impl TrustStore {
    /// A store that trusts nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads every file of a folder: certificates (several per PEM file, or one in DER) and
    /// revocation lists (PEM or DER). Sub-folders and files whose name starts with a dot are
    /// passed over.
    ///
    /// # Errors
    /// When a file cannot be read or holds anything else; the error names the file.
    pub fn from_folder(dir: &Path) -> Result<Self, TrustError> {
        folder::read(dir)
    }

    /// Takes in one certificate. One that is there already changes nothing.
    ///
    /// # Errors
    /// When it cannot be read, its self-signature does not hold, or the store is full.
    pub fn add_certificate(&mut self, der: &[u8]) -> Result<(), TrustError> {
        self.add_parsed(&Arc::new(Certificate::parse(der)?))
    }

    /// As [`TrustStore::add_certificate`], without parsing it again.
    ///
    /// # Errors
    /// Its self-signature does not hold, or the store is full.
    pub fn add_parsed(&mut self, certificate: &Arc<Certificate>) -> Result<(), TrustError> {
        let digest = *certificate.digest();
        if self.certificates.contains_key(&digest) || self.is_withdrawn(certificate) {
            return Ok(());
        }
        if self.certificates.len() == MAX_CERTIFICATES {
            return Err(TrustError::Full {
                limit: MAX_CERTIFICATES,
            });
        }
        let role = role_of(certificate)?;
        let by_name = match role {
            Role::Anchor => Some(&mut self.anchors),
            Role::Intermediate => Some(&mut self.intermediates),
            Role::SealMaker => None,
        };
        match by_name {
            Some(index) => index
                .entry(certificate.subject().to_vec())
                .or_default()
                .push(Arc::clone(certificate)),
            None => self.maker_count += 1,
        }
        if role != Role::SealMaker {
            self.lists.ask(certificate, MAX_EARLIER_BYTES);
        }
        let certificate = Arc::clone(certificate);
        self.certificates
            .insert(digest, Trusted { certificate, role });
        self.changed();
        Ok(())
    }

    /// Takes a certificate out and keeps it out, whoever lists it or carries it along. A seal maker
    /// that was withdrawn still counts as listed in [`TrustStore::lists_seal_makers`]: to take the
    /// last one away must not open the list to everyone.
    ///
    /// # Errors
    /// Its role cannot be told, or as many are withdrawn as are kept.
    pub fn withdraw(&mut self, certificate: &Certificate) -> Result<(), TrustError> {
        let signed = certificate.signed_bytes();
        let digest = sm3(signed);
        if self.withdrawn.contains_key(&digest) {
            return Ok(());
        }
        if self.withdrawn.len() == MAX_CERTIFICATES {
            return Err(TrustError::Full {
                limit: MAX_CERTIFICATES,
            });
        }
        let role = role_of(certificate)?;
        self.withdrawn.insert(digest, role);
        self.certificates
            .retain(|_, trusted| trusted.certificate.signed_bytes() != signed);
        for index in [&mut self.anchors, &mut self.intermediates] {
            if let Some(named) = index.get_mut(certificate.subject()) {
                named.retain(|known| known.signed_bytes() != signed);
            }
        }
        self.maker_count = self
            .certificates
            .values()
            .filter(|trusted| trusted.role == Role::SealMaker)
            .count();
        self.changed();
        Ok(())
    }

    /// Whether this certificate was withdrawn, however its signature is written.
    #[must_use]
    pub fn is_withdrawn(&self, certificate: &Certificate) -> bool {
        !self.withdrawn.is_empty()
            && self
                .withdrawn
                .contains_key(&sm3(certificate.signed_bytes()))
    }

    /// Takes in one revocation list. One that is there already changes nothing; of older complete
    /// lists of the same issuer and key stays what they say beyond it.
    ///
    /// # Errors
    /// When it cannot be read or the store is full.
    pub fn add_crl(&mut self, der: &[u8]) -> Result<(), TrustError> {
        let list = Crl::parse(der)?;
        if self.lists.has(list.digest()) {
            return Ok(());
        }
        let named = [&self.anchors, &self.intermediates].map(|index| index.get(list.issuer()));
        let issuers = named.into_iter().flatten().flatten();
        self.lists.take(list, issuers, MAX_EARLIER_BYTES)?;
        self.changed();
        Ok(())
    }

    /// Raised by each accepted change; for a store read from a folder the number of its parts.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// SM3 over the sorted content, lower-case hex: equal exactly for stores that trust the same.
    /// It goes into cache keys.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = || self.digest_of_content();
        self.fingerprint.get_or_init(digest).clone()
    }

    fn digest_of_content(&self) -> String {
        let mut content = Vec::new();
        for (digest, trusted) in &self.certificates {
            content.push(trusted.role.tag());
            content.extend_from_slice(digest);
        }
        for digest in self.lists.digests() {
            content.push(b'R');
            content.extend_from_slice(digest);
        }
        for digest in self.withdrawn.keys() {
            content.push(b'W');
            content.extend_from_slice(digest);
        }
        hex::encode(sm3(&content))
    }

    /// Every certificate with what it counts as.
    pub fn certificates(&self) -> impl Iterator<Item = (&Certificate, Role)> {
        self.certificates
            .values()
            .map(|trusted| (&*trusted.certificate, trusted.role))
    }

    /// The newest complete revocation lists, and every one of which a newer one did not take the
    /// place.
    pub fn crls(&self) -> impl Iterator<Item = &Crl> {
        self.lists.kept()
    }

    /// Whether exactly this certificate is an anchor.
    #[must_use]
    pub fn is_anchor(&self, certificate: &Certificate) -> bool {
        self.role(certificate) == Some(Role::Anchor)
    }

    /// Whether exactly this certificate is a trusted seal maker.
    #[must_use]
    pub fn is_seal_maker(&self, certificate: &Certificate) -> bool {
        self.role(certificate) == Some(Role::SealMaker)
    }

    /// Whether seal makers are listed, so that a path to an anchor alone does not make one.
    #[must_use]
    pub fn lists_seal_makers(&self) -> bool {
        self.maker_count > 0 || self.withdrawn.values().any(|role| *role == Role::SealMaker)
    }

    pub(crate) fn anchors_named<'a>(
        &'a self,
        subject: &[u8],
    ) -> impl Iterator<Item = &'a Arc<Certificate>> + use<'a> {
        self.anchors.get(subject).into_iter().flatten()
    }

    pub(crate) fn intermediates_named<'a>(
        &'a self,
        subject: &[u8],
    ) -> impl Iterator<Item = &'a Arc<Certificate>> + use<'a> {
        self.intermediates.get(subject).into_iter().flatten()
    }

    /// What lists say about a certificate of `issuer`: those that it signed, and those of others
    /// that may speak for it below `anchor` ([`TrustStore::fellows`]). For CAs of the store the
    /// signatures were checked when they came in; for others they are checked here.
    pub(crate) fn words(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        anchor: Option<&Certificate>,
    ) -> Vec<ListWord> {
        let role = self.role(issuer);
        let is_held = role.is_some_and(|role| role != Role::SealMaker);
        let fellows = self.fellows(issuer, anchor);
        let keys: Vec<_> = fellows.iter().map(|one| *one.key_digest()).collect();
        self.lists.words(certificate, issuer, is_held, &keys)
    }

    /// The other CAs of the store that sign lists in the issuer's name: an authority that changed
    /// its key signs them with the new one, of certificates that the old one made as well. They
    /// must chain to the anchor to which the certificate in question does (RFC 5280 §6.3.3 (f)), or
    /// to one of its name, as a root may change its key too. What comes with a file is no such CA:
    /// anybody can bring one of any name.
    pub(crate) fn fellows(
        &self,
        issuer: &Certificate,
        anchor: Option<&Certificate>,
    ) -> Vec<&Arc<Certificate>> {
        let Some(anchor) = anchor else {
            return Vec::new();
        };
        let name = issuer.subject();
        let named = self
            .anchors_named(name)
            .chain(self.intermediates_named(name));
        let may_speak = |one: &&Arc<Certificate>| {
            one.key_digest() != issuer.key_digest()
                && one.may_sign_crls()
                && one.unknown_critical_extension().is_none()
                && anchors_above(one, self).contains(anchor.subject())
        };
        named.filter(may_speak).collect()
    }

    /// Paths that were searched in this store as it is.
    pub(crate) const fn chains(&self) -> &ChainCache {
        &self.chains
    }

    fn changed(&mut self) {
        self.epoch += 1;
        self.chains = ChainCache::default();
        self.fingerprint = OnceLock::new();
    }

    fn role(&self, certificate: &Certificate) -> Option<Role> {
        self.certificates
            .get(certificate.digest())
            .map(|trusted| trusted.role)
    }
}

impl Role {
    /// Octet that stands for the role in the store's fingerprint.
    const fn tag(self) -> u8 {
        match self {
            Self::Anchor => b'A',
            Self::Intermediate => b'I',
            Self::SealMaker => b'M',
        }
    }
}

#[derive(Clone, Debug)]
struct Trusted {
    certificate: Arc<Certificate>,
    role: Role,
}

fn role_of(certificate: &Certificate) -> Result<Role, TrustError> {
    if !certificate.is_ca() {
        return Ok(Role::SealMaker);
    }
    if !certificate.is_self_issued() {
        return Ok(Role::Intermediate);
    }
    let Err(cause) = certificate.verify_signed_by(certificate) else {
        return Ok(Role::Anchor);
    };
    // A CA that changes its key issues a certificate to itself under the old one: that names
    // another key as issuer (RFC 4210 §4.4) and is an intermediate.
    match (certificate.authority_key_id(), certificate.subject_key_id()) {
        (Some(issuer_key), Some(own_key)) if issuer_key != own_key => Ok(Role::Intermediate),
        _ => Err(TrustError::SelfSignature {
            subject: certificate.subject_text().to_owned(),
            cause,
        }),
    }
}

#[cfg(test)]
mod tests;
