//! Turns what server, driver and operating system say into an [`AdapterError`]: a kind and a number, never a text.
//! Both servers quote rows in their messages (measured on MariaDB 10.11), so they end here.

use lastbell_contract::{AdapterError, ErrorKind, Result, TableId};
use std::io;

/// Gives a foreign result the contract's error.
pub(crate) trait Told<T> {
    /// What was being done when it failed.
    fn told(self, operation: &str) -> Result<T>;
}

impl<T> Told<T> for mysql::Result<T> {
    fn told(self, operation: &str) -> Result<T> {
        self.map_err(|error| driver(operation, &error))
    }
}

/// Names the table in an error.
pub(crate) trait About<T> {
    /// The table that the work was about.
    fn about(self, table: &TableId) -> Result<T>;
}

impl<T> About<T> for Result<T> {
    fn about(self, table: &TableId) -> Result<T> {
        self.map_err(|error| error.on(table))
    }
}

/// An error of this adapter's own making.
pub(crate) fn refused(kind: ErrorKind, operation: &str, code: &str) -> AdapterError {
    AdapterError::new(kind, operation).code(code)
}

/// What the server answered has not the form that it documents.
pub(crate) fn odd_answer(operation: &str) -> AdapterError {
    refused(ErrorKind::Engine, operation, "odd-answer")
}

fn driver(operation: &str, error: &mysql::Error) -> AdapterError {
    match error {
        mysql::Error::MySqlError(told) => server(operation, told.code, &told.message),
        mysql::Error::IoError(error) => system(operation, error),
        mysql::Error::TlsError(error) => refused(ErrorKind::Unreachable, operation, tls_of_driver(error)),
        mysql::Error::DriverError(error) => own_of_driver(operation, error),
        mysql::Error::CodecError(error) => {
            match std::error::Error::source(error).and_then(|inner| inner.downcast_ref()) {
                Some(error) => system(operation, error),
                None => refused(ErrorKind::Unreachable, operation, "protocol"),
            }
        }
        mysql::Error::UrlError(_) | mysql::Error::FromValueError(_) | mysql::Error::FromRowError(_) => {
            refused(ErrorKind::Engine, operation, "driver")
        }
    }
}

/// A numbered error of the server. Of its text one thing is read: the number of the operating system's error.
fn server(operation: &str, number: u16, message: &str) -> AdapterError {
    let kind = if no_room(number, message) { ErrorKind::NoSpace } else { kind_of(number) };
    AdapterError::new(kind, operation).code(number.to_string())
}

/// ENOSPC (28) and EDQUOT (122) come inside other errors: `Got error 28 from storage engine`, `(Errcode: 28 "No …")`.
fn no_room(number: u16, message: &str) -> bool {
    let carries_errno = [3, 5, 11, 12, 20, 23, 1004, 1005, 1006, 1016, 1023, 1025, 1026, 1030].contains(&number);
    let holds = |errno: &str| {
        [
            format!("Errcode: {errno} "),
            format!("Errcode: {errno})"),
            format!("errno: {errno} "),
            format!("error {errno} "),
        ]
        .iter()
        .any(|form| message.contains(form.as_str()))
    };
    carries_errno && (holds("28") || holds("122") || holds("\"No space left on device\""))
}

/// Numbers of both servers: mariadb.com/kb/en/mariadb-error-codes, dev.mysql.com/doc/mysql-errors.
fn kind_of(number: u16) -> ErrorKind {
    match number {
        1044 | 1045 | 1130 | 1142 | 1143 | 1227 | 1290 | 1370 | 1419 | 1698 | 1792 | 1820 | 1836 | 1862 | 3118
        | 3159 | 4151 => ErrorKind::Denied,
        1036 => ErrorKind::Denied, // the table is read-only
        1401 => ErrorKind::Denied, // so MySQL refuses XA RECOVER to who may not ask
        1049 | 1051 | 1054 | 1109 | 1146 | 1305 | 1932 | 4042 => ErrorKind::NotFound,
        1040 | 1203 | 1205 | 1213 | 1226 => ErrorKind::Busy,
        1969 | 3024 | 3572 => ErrorKind::Busy, // the time limit of a statement; NOWAIT
        1317 => ErrorKind::Stopped,
        1053 | 1152 | 1158..=1161 | 1184 | 1927 | 2002 | 2003 | 2006 | 2013 | 3169 | 4031 => ErrorKind::Unreachable,
        1021 | 1114 => ErrorKind::NoSpace,
        1033 | 1034 | 1035 | 1194 | 1195 | 1712 | 1877 | 1812 | 1815 => ErrorKind::Damaged,
        1412 | 1615 | 1625 => ErrorKind::Changed,
        1064 | 1235 | 1286 | 1295 | 1193 => ErrorKind::Unsupported,
        _ => ErrorKind::Engine, // the servers' numbers are open-ended
    }
}

fn own_of_driver(operation: &str, error: &mysql::DriverError) -> AdapterError {
    let (kind, code) = match error {
        mysql::DriverError::ConnectTimeout | mysql::DriverError::Timeout => (ErrorKind::Unreachable, "timeout"),
        mysql::DriverError::CouldNotConnect(_) => (ErrorKind::Unreachable, "connect"),
        mysql::DriverError::TlsNotSupported => (ErrorKind::Unreachable, "tls-refused"),
        mysql::DriverError::UnsupportedProtocol(_)
        | mysql::DriverError::Protocol41NotSet
        | mysql::DriverError::CouldNotParseVersion => (ErrorKind::Unsupported, "version"),
        mysql::DriverError::UnknownAuthPlugin(_)
        | mysql::DriverError::OldMysqlPasswordDisabled
        | mysql::DriverError::CleartextPluginDisabled => (ErrorKind::Denied, "auth-method"),
        mysql::DriverError::PacketOutOfSync | mysql::DriverError::UnexpectedPacket => {
            (ErrorKind::Unreachable, "protocol")
        }
        mysql::DriverError::PacketTooLarge => (ErrorKind::Unsupported, "packet-too-large"),
        mysql::DriverError::MismatchedStmtParams(..)
        | mysql::DriverError::InvalidPoolConstraints
        | mysql::DriverError::SetupError
        | mysql::DriverError::ReadOnlyTransNotSupported
        | mysql::DriverError::PoisonedPoolMutex
        | mysql::DriverError::Params(_)
        | mysql::DriverError::MixedParams
        | mysql::DriverError::BulkExecute(_)
        | mysql::DriverError::InvalidParsecSalt => (ErrorKind::Engine, "driver"),
    };
    refused(kind, operation, code)
}

/// On an open connection any error of the line means that it is gone.
fn system(operation: &str, error: &io::Error) -> AdapterError {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return refused(ErrorKind::Unreachable, operation, tls_code(tls));
    }
    let code = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "timeout",
        _ => "line", // io::ErrorKind is not ours and is open-ended
    };
    refused(ErrorKind::Unreachable, operation, code)
}

fn tls_of_driver(error: &mysql::error::tls::TlsError) -> &'static str {
    match error {
        mysql::error::tls::TlsError::Tls(error) => tls_code(error),
        mysql::error::tls::TlsError::InvalidDnsName(_) => "tls-name",
        mysql::error::tls::TlsError::VerifierBuilderError(_) | mysql::error::tls::TlsError::Pki(_) => "tls-authority",
    }
}

fn tls_code(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError;
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "tls-name",
        rustls::Error::InvalidCertificate(_) => "tls-authority",
        _ => "tls-refused", // rustls' errors are open-ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: u16, message: &str) -> AdapterError {
        let error = mysql::MySqlError { state: "23000".into(), message: message.into(), code };
        driver("destroy", &mysql::Error::MySqlError(error))
    }

    #[test]
    fn the_servers_text_never_leaves() {
        let told = told(1062, "Duplicate entry 'Иванова' for key 'name'");
        assert_eq!(told.code.as_deref(), Some("1062"));
        assert!(!format!("{told:?} {told}").contains("Иванова"));
    }

    #[test]
    fn a_full_disk_is_told_by_the_number_inside_the_text() {
        for (number, message) in [
            (1030, "Got error 28 \"No space left on device\" from storage engine InnoDB"),
            (3, "Error writing file '/x' (Errcode: 28 \"No space left on device\")"),
            (1114, "The table 'marks' is full"),
        ] {
            assert_eq!(told(number, message).kind, ErrorKind::NoSpace, "{number}");
        }
        assert_eq!(told(1030, "Got error 128 \"x\" from storage engine").kind, ErrorKind::Engine);
    }

    #[test]
    fn numbers_have_kinds() {
        for (number, kind) in [
            (1045, ErrorKind::Denied),
            (1205, ErrorKind::Busy),
            (1317, ErrorKind::Stopped),
            (1969, ErrorKind::Busy),
            (1146, ErrorKind::NotFound),
            (1053, ErrorKind::Unreachable),
            (9999, ErrorKind::Engine),
        ] {
            assert_eq!(told(number, "").kind, kind, "{number}");
        }
    }

    #[test]
    fn an_untrusted_certificate_and_a_wrong_name_are_told_apart() {
        use rustls::CertificateError::{NotValidForName, UnknownIssuer};
        let code = |error| {
            let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
            driver("open", &mysql::Error::IoError(error)).code.unwrap_or_default()
        };
        assert_eq!(code(UnknownIssuer), "tls-authority");
        assert_eq!(code(NotValidForName), "tls-name");
    }
}
