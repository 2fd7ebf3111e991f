//! Certificates made by openssl, right and wrong ones.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

/// A CA of a test's own, in a folder.
#[derive(Debug, Clone)]
pub struct Authority {
    folder: PathBuf,
    name: String,
}

/// A certificate and its key, as files in PEM.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub chain: PathBuf,
    pub key: PathBuf,
}

/// What is special about a certificate.
#[derive(Debug, Clone, Default)]
pub struct Special<'s> {
    /// From and until, as `YYYYMMDDHHMMSSZ`; else from an hour ago for 30 days.
    pub validity: Option<(&'s str, &'s str)>,
    /// The address of a responder (OCSP).
    pub responder: Option<&'s str>,
    /// The address of a list of revoked certificates (CRL).
    pub list: Option<&'s str>,
}

impl Authority {
    /// Makes one of this name.
    ///
    /// # Errors
    /// Where openssl fails.
    pub fn new(parent: &Path, name: &str) -> anyhow::Result<Authority> {
        let folder = parent.join(name);
        std::fs::create_dir_all(&folder)?;
        let authority = Authority {
            folder,
            name: name.to_owned(),
        };
        std::fs::write(authority.folder.join("index.txt"), "")?;
        std::fs::write(authority.folder.join("crlnumber"), "01\n")?;
        std::fs::write(
            authority.folder.join("index.txt.attr"),
            "unique_subject = no\n",
        )?;
        authority.configure(&Special::default(), "none.invalid")?;
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-days",
            "365",
            "-subj",
            &format!("/O={name}/CN={name}"),
            "-config",
            "ca.cnf",
            "-extensions",
            "root",
        ])?;
        Ok(authority)
    }

    /// Its own certificate (PEM).
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Its key (PEM).
    pub fn key(&self) -> PathBuf {
        self.folder.join("ca.key")
    }

    /// Its list of what it issued and revoked, as openssl keeps it.
    pub fn index(&self) -> PathBuf {
        self.folder.join("index.txt")
    }

    /// Issues a server's certificate for a name.
    ///
    /// # Errors
    /// Where openssl fails.
    pub fn issue(
        &self,
        file: &str,
        name: &str,
        special: &Special<'_>,
    ) -> anyhow::Result<Certificate> {
        self.configure(special, name)?;
        let (key, request, chain) = (
            format!("{file}.key"),
            format!("{file}.csr"),
            format!("{file}.pem"),
        );
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            &key,
            "-out",
            &request,
            "-subj",
            &format!("/CN={name}"),
            "-config",
            "ca.cnf",
        ])?;
        let mut words = vec![
            "ca",
            "-batch",
            "-notext",
            "-config",
            "ca.cnf",
            "-in",
            &request,
            "-out",
            &chain,
            "-extensions",
            "leaf",
        ];
        match special.validity {
            Some((from, until)) => words.extend(["-startdate", from, "-enddate", until]),
            None => words.extend(["-days", "30"]),
        }
        self.openssl(&words)?;
        let mut text = std::fs::read_to_string(self.folder.join(&chain))?;
        text.push_str(&std::fs::read_to_string(self.certificate())?);
        std::fs::write(self.folder.join(&chain), text)?;
        Ok(Certificate {
            chain: self.folder.join(chain),
            key: self.folder.join(key),
        })
    }

    /// Revokes a certificate.
    ///
    /// # Errors
    /// Where openssl fails.
    pub fn revoke(&self, certificate: &Certificate) -> anyhow::Result<()> {
        let path = certificate.chain.to_str().context("a path in UTF-8")?;
        self.openssl(&["ca", "-config", "ca.cnf", "-revoke", path])
    }

    /// Writes the list of what is revoked now (DER), and gives its file.
    ///
    /// # Errors
    /// Where openssl fails.
    pub fn revoked(&self) -> anyhow::Result<PathBuf> {
        self.openssl(&[
            "ca", "-config", "ca.cnf", "-gencrl", "-crldays", "7", "-out", "crl.pem",
        ])?;
        self.openssl(&["crl", "-in", "crl.pem", "-outform", "DER", "-out", "ca.crl"])?;
        Ok(self.folder.join("ca.crl"))
    }

    fn configure(&self, special: &Special<'_>, name: &str) -> anyhow::Result<()> {
        let mut leaf = format!(
            "basicConstraints = CA:FALSE\nkeyUsage = critical, digitalSignature\n\
             extendedKeyUsage = serverAuth\nsubjectAltName = DNS:{name}\n\
             authorityKeyIdentifier = keyid\nsubjectKeyIdentifier = hash\n"
        );
        if let Some(responder) = special.responder {
            leaf.push_str(&format!("authorityInfoAccess = OCSP;URI:{responder}\n"));
        }
        if let Some(list) = special.list {
            leaf.push_str(&format!("crlDistributionPoints = URI:{list}\n"));
        }
        let text = format!(
            "[ca]\ndefault_ca = own\n\
             [own]\ndatabase = index.txt\ncrlnumber = crlnumber\ncrl_extensions = listed\nnew_certs_dir = .\ncertificate = ca.pem\n\
             private_key = ca.key\nrand_serial = yes\ndefault_md = sha256\npolicy = any\ncopy_extensions = none\n\
             default_days = 30\n\
             [listed]\nauthorityKeyIdentifier = keyid\n\
             [any]\ncommonName = supplied\n\
             [req]\ndistinguished_name = subject\n[subject]\n\
             [root]\nbasicConstraints = critical, CA:TRUE\n\
             keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\n\
             [leaf]\n{leaf}"
        );
        std::fs::write(self.folder.join("ca.cnf"), text)?;
        Ok(())
    }

    fn openssl(&self, words: &[&str]) -> anyhow::Result<()> {
        let output = Command::new("openssl")
            .args(words)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .context("openssl")?;
        ensure!(
            output.status.success(),
            "{}: openssl {}: {}",
            self.name,
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}
