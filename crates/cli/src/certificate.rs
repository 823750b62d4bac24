//! What a certificate says, for people. Nothing here decides whether to believe it.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// The fields worth showing.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) serial: String,
    /// The names of RFC 9525, as text.
    pub(crate) names: Vec<String>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
    /// A line for each: its name or number, and whether it is critical.
    pub(crate) extensions: Vec<String>,
}

impl Certificate {
    /// Of DER; nothing if it is no certificate.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        let fields = certificate.tbs_certificate();
        let names = match fields.get_extension::<SubjectAltName>() {
            Ok(Some((_, names))) => names.0.iter().filter_map(name).collect(),
            _ => Vec::new(),
        };
        Some(Self {
            subject: fields.subject().to_string(),
            issuer: fields.issuer().to_string(),
            serial: hex::encode(fields.serial_number().as_bytes()),
            names,
            not_before: UNIX_EPOCH + fields.validity().not_before.to_unix_duration(),
            not_after: UNIX_EPOCH + fields.validity().not_after.to_unix_duration(),
            extensions: fields
                .extensions()
                .into_iter()
                .flatten()
                .map(|extension| extension_line(&extension.extn_id, extension.critical))
                .collect(),
        })
    }

    /// One fact a line.
    pub(crate) fn lines(&self, now: SystemTime) -> [String; 4] {
        [
            format!("subject {}, serial {}", self.subject, self.serial),
            format!("for     {}", self.names.join(", ")),
            format!("issuer  {}", self.issuer),
            format!(
                "valid   {} to {}, {}",
                date(self.not_before),
                date(self.not_after),
                left(self.not_after, now)
            ),
        ]
    }

    /// Whole days until it ends; 0 if it has.
    pub(crate) fn days_left(&self, now: SystemTime) -> u64 {
        days(self.not_after.duration_since(now).unwrap_or_default())
    }
}

fn extension_line(oid: &ObjectIdentifier, critical: bool) -> String {
    let named = x509_cert::der::oid::db::DB.by_oid(oid);
    let name = match named {
        Some(name) => format!("{name} ({oid})"),
        None => oid.to_string(),
    };
    let critical = if critical { ", critical" } else { "" };
    format!("has     {name}{critical}")
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => {
            let octets = octets.as_bytes();
            let v4 = <[u8; 4]>::try_from(octets).map(|octets| Ipv4Addr::from(octets).to_string());
            let v6 = <[u8; 16]>::try_from(octets).map(|octets| Ipv6Addr::from(octets).to_string());
            v4.or(v6).ok()
        }
        _ => None,
    }
}

/// `06 Nov 1994 08:49 GMT`, from the fixed columns of an IMF-fixdate (RFC 9110 5.6.7).
pub(crate) fn date(at: SystemTime) -> String {
    let fixdate = netkit::http_date(at).to_string();
    format!("{} GMT", fixdate.get(5..22).unwrap_or_default())
}

fn left(end: SystemTime, now: SystemTime) -> String {
    match end.duration_since(now) {
        Ok(left) => format!("{} days left", days(left)),
        Err(over) => format!("over for {} days", days(over.duration())),
    }
}

fn days(time: Duration) -> u64 {
    time.as_secs() / crate::dev_ca::DAY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::KeyType;
    use crate::dev_ca::{DevCa, lasting, names_of};

    #[test]
    fn what_was_signed_is_what_is_shown() {
        let start = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let ca = DevCa::new("a CA").unwrap();
        let signed = ca
            .sign(&names_of("localhost"), KeyType::Ecdsa, &lasting(start))
            .unwrap();
        let lines = Certificate::read(&signed.certificate).unwrap().lines(start);
        assert!(
            lines[0].starts_with("subject CN=localhost, serial "),
            "{}",
            lines[0]
        );
        assert_eq!(lines[1], "for     localhost, 127.0.0.1, ::1");
        assert_eq!(lines[2], "issuer  CN=a CA");
        assert_eq!(
            lines[3],
            "valid   06 Nov 1994 07:49 GMT to 13 Nov 1994 08:49 GMT, 7 days left"
        );
        assert!(Certificate::read(b"no DER").is_none());
    }
}
