//! The certificates of `stickler serve`: from files, or made at the start to try things out.
//!
//! Everything is read and checked before anything of it is in force, at the start and with each reload.

mod ends;
mod flags;
mod made;

use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use stickler::{Tls, TlsError};

pub(super) use self::ends::{End, look};
use self::made::Made;
use crate::permissions::check_file;

/// What the server shows to clients, and what it asks of them.
pub(super) struct Certificates {
    own: Own,
    client_ca: Option<PathBuf>,
}

/// The certificates that clients are shown.
enum Own {
    /// The first is for clients whose host none of them is for.
    Files(Pair, Vec<Pair>),
    Made(Arc<Made>),
}

/// The files of a certificate and its key.
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

/// Certificates that were read and are fit for use.
pub(super) struct Loaded {
    pub(super) tls: Tls,
    /// When those end that came from files.
    pub(super) ends: Vec<End>,
}

impl Certificates {
    /// Reads and checks all there is.
    ///
    /// # Errors
    /// Something is not fit for use: a sentence that names the file.
    pub(super) fn load(&self) -> Result<Loaded, TlsError> {
        let (tls, ends) = match &self.own {
            Own::Made(made) => (made.tls()?, Vec::new()),
            Own::Files(first, others) => load_files(first, others)?,
        };
        let tls = match &self.client_ca {
            Some(path) => tls.client_ca_file(path)?,
            None => tls,
        };
        Ok(Loaded { tls, ends })
    }

    /// The same while the server runs. At a start a file may be a pipe; a second time there is nothing in it, and one
    /// with a name would be waited for.
    ///
    /// # Errors
    /// As [`load`](Self::load), and something is no file.
    pub(super) fn load_again(&self) -> Result<Loaded, String> {
        for path in self.files() {
            let cannot = |error| format!("cannot read {}: {error}", path.display());
            check_file(path).map_err(cannot)?;
        }
        self.load().map_err(|error| error.to_string())
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let pairs: Vec<&Pair> = match &self.own {
            Own::Files(first, others) => iter::once(first).chain(others).collect(),
            Own::Made(_) => Vec::new(),
        };
        pairs.into_iter().flat_map(|pair| [&pair.cert, &pair.key]).chain(&self.client_ca)
    }

    /// Tells in the log what people have to know of a certificate that was made.
    pub(super) fn report(&self) {
        if let Own::Made(made) = &self.own {
            made.report();
        }
    }

    /// Whether any of it is in a file, and so may be another by now.
    pub(super) fn has_files(&self) -> bool {
        self.files().next().is_some()
    }

    /// The same with the certificate that was made before, where both are made: it is as good as a new one, and
    /// clients know it.
    pub(super) fn or_made_before(mut self, before: &Certificates) -> Certificates {
        if let (Own::Made(_), Own::Made(made)) = (&self.own, &before.own) {
            self.own = Own::Made(made.clone());
        }
        self
    }
}

impl Loaded {
    /// Tells in the log what is not as it should be, and yet can be used.
    pub(super) fn report(&self) {
        for warning in self.tls.warnings() {
            tracing::warn!("{warning}");
        }
        look(&self.ends, SystemTime::now()).report_soon();
    }
}

fn load_files(first: &Pair, others: &[Pair]) -> Result<(Tls, Vec<End>), TlsError> {
    let mut tls = Tls::from_pem_files(&first.cert, &first.key)?;
    let end = |pair: &Pair, tls: &Tls| tls.expires().map(|at| End { file: pair.cert.clone(), at });
    let mut ends: Vec<End> = end(first, &tls).into_iter().collect();
    for pair in others {
        // By itself too: together they only tell which of them ends first.
        ends.extend(end(pair, &Tls::from_pem_files(&pair.cert, &pair.key)?));
        tls = tls.with_pem_files(&pair.cert, &pair.key)?;
    }
    Ok((tls, ends))
}
