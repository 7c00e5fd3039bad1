//! Certificates for TLS: an authority and what it signs, made by the `openssl` command. Writes a folder of its own.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;

/// Nothing of the machine's own configuration.
const CONFIGURATION: &str = "
[req]
distinguished_name = name
prompt = no
[name]
CN = lastbell test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
";

/// An authority that nobody knows but who is given [`Certificates::authority`].
#[derive(Debug)]
pub struct Certificates {
    folder: tempfile::TempDir,
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(hidden)")
    }
}

impl Certificates {
    /// A new authority. Two of them do not know each other.
    #[must_use]
    pub fn new() -> Self {
        let made = Self { folder: tempfile::tempdir().expect("a folder for certificates") };
        fs::write(made.file("configuration"), CONFIGURATION).expect("a file");
        made.openssl("req -x509 -new -config configuration -extensions authority -days 30 NEWKEY authority.key -out authority.pem");
        made
    }

    /// The authority's certificate: what a client is told to trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.file("authority.pem")
    }

    /// A server's certificate for a name or an address, and for nothing else.
    #[must_use]
    pub fn server(&self, name: &str) -> Identity {
        self.issue(name, 30)
    }

    /// The same, but its days are over.
    #[must_use]
    pub fn expired(&self, name: &str) -> Identity {
        self.issue(name, -1)
    }

    fn issue(&self, name: &str, days: i32) -> Identity {
        let kind = if name.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
        let extensions = format!(
            "basicConstraints = critical, CA:FALSE\nsubjectAltName = {kind}:{name}\n\
             keyUsage = critical, digitalSignature\nextendedKeyUsage = serverAuth\n"
        );
        fs::write(self.file("extensions"), extensions).expect("a file");
        self.openssl("req -new -config configuration NEWKEY server.key -out request.pem");
        let sign =
            "x509 -req -in request.pem -CA authority.pem -CAkey authority.key -CAcreateserial -extfile extensions";
        self.openssl(&format!("{sign} -days {days} -out server.pem"));
        let read = |name| fs::read_to_string(self.file(name)).expect("what openssl wrote");
        Identity { certificate: read("server.pem"), key: read("server.key") }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn openssl(&self, words: &str) {
        let words = words.replace("NEWKEY", "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout");
        let output = Command::new("openssl").args(words.split(' ')).current_dir(self.folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("no openssl here ({error}): apt-get install -y openssl"));
        assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}
