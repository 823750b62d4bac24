//! What a test expects of a connection.

use std::sync::Arc;

use netkit::tls::{Agreed, EarlyData, EarlyDataRefusal, ProtocolVersion};

use super::exchange::{Exchange, Failure, expect};
use super::flags::Unsupported;
use super::settings;

impl Exchange<'_> {
    /// Whether there is the session that there should be.
    pub(super) fn sessions(&self) -> Result<(), Failure> {
        let Some(agreed) = self.connection.agreed() else {
            return Ok(());
        };
        if self.server || agreed.version != ProtocolVersion::TLS1_3 || self.has("send-alert") {
            return Ok(());
        }
        let got = self.shared.sessions.count() > self.sessions_before;
        let expected = !self.has("expect-no-session") && !self.has("shim-shuts-down");
        expect(got == expected, || {
            format!("a session: {got}, and not as expected")
        })?;
        if expected {
            let supports = self.shared.sessions.max_early_data() > 0;
            let expected = self.has("expect-ticket-supports-early-data");
            expect(supports == expected, || {
                "early data is not allowed as expected".into()
            })?;
        }
        Ok(())
    }

    /// Whether all is as the test expects.
    pub(super) fn check(&self, agreed: &Agreed) -> Result<(), Failure> {
        let flags = &self.settings.flags;
        let resumed = self.resumes && !flags.has("expect-session-miss");
        expect(agreed.resumed == resumed, || {
            format!("resumed is {}", agreed.resumed)
        })?;
        let numbers = [
            ("expect-version", Some(agreed.version.0)),
            ("expect-cipher", Some(agreed.cipher_suite.0)),
            (
                "expect-curve-id",
                agreed
                    .group
                    .or(self.shared.settled().group)
                    .map(|group| group.0),
            ),
        ];
        for (flag, is) in numbers {
            if let Some(expected) = flags.number::<u16>(flag)? {
                expect(is == Some(expected), || format!("{flag}: {is:?}"))?;
            }
        }
        if flags.has("expect-peer-signature-algorithm") {
            self.check_signature()?;
        }
        let protocol = if self.server {
            "select-alpn"
        } else {
            "expect-alpn"
        };
        let protocol = flags.value(protocol).unwrap_or("");
        let is = agreed.alpn.as_deref().unwrap_or_default();
        expect(is == protocol.as_bytes(), || {
            format!("the protocol is {is:?}")
        })?;
        if let Some(name) = flags.value("expect-server-name") {
            expect(agreed.server_name.as_deref() == Some(name), || {
                "another name".into()
            })?;
        }
        let accepted = agreed.early_data == EarlyData::Accepted;
        let unexpected = (flags.has("expect-accept-early-data") && !accepted)
            || (flags.has("expect-reject-early-data") && accepted);
        expect(!unexpected, || {
            format!("early data was accepted: {accepted}")
        })?;
        // A client of netkit connects to no server of TLS 1.2 without renegotiation_info; TLS 1.3 has neither.
        let secure = !self.server || agreed.version == ProtocolVersion::TLS1_3;
        expect(!flags.has("expect-secure-renegotiation") || secure, || {
            "renegotiation may be unsafe".into()
        })?;
        let retry = agreed.hello_retry;
        expect(!flags.has("expect-hrr") || retry, || "no retry".into())?;
        expect(!flags.has("expect-no-hrr") || !retry, || "a retry".into())?;
        if let Some(reason) = flags.value("expect-early-data-reason") {
            let is = self.early_data_reason(agreed)?;
            expect(is == reason, || format!("early data: {is}"))?;
        }
        if let Some(expected) = flags.number::<i64>("expect-ticket-age-skew")?
            && self.resumes
        {
            let Some(EarlyDataRefusal::TicketAge(is)) = self.connection.early_data_refusal() else {
                return Err(Unsupported("to tell a skew that refuses nothing".into()).into());
            };
            expect(is == expected, || {
                format!("the ticket's age is off by {is}")
            })?;
        }
        self.check_suite(agreed)?;
        self.check_own(agreed)?;
        self.check_peer()?;
        self.check_new_session(agreed)
    }

    fn check_suite(&self, agreed: &Agreed) -> Result<(), Failure> {
        #[cfg(target_arch = "x86_64")]
        let aes = std::arch::is_x86_feature_detected!("aes");
        #[cfg(not(target_arch = "x86_64"))]
        let aes = false;
        let flag = if aes {
            "expect-cipher-aes"
        } else {
            "expect-cipher-no-aes"
        };
        let expected: Option<u16> = self.settings.flags.number(flag)?;
        let is = agreed.cipher_suite.0;
        expect(expected.is_none_or(|expected| is == expected), || {
            format!("suite {is:#x}")
        })
    }

    /// Whether this side has shown the identity that it should, and has kept a session where it should.
    fn check_own(&self, agreed: &Agreed) -> Result<(), Failure> {
        let flags = &self.settings.flags;
        if let Some(expected) = flags.number::<i64>("expect-selected-credential")?
            && !agreed.resumed
        {
            let shown = self.connection.identity();
            let place = self
                .credentials
                .iter()
                .position(|own| shown.is_some_and(|shown| Arc::ptr_eq(shown, &own.shown)));
            let announced = self.settings.credentials.len();
            let is = place
                .filter(|place| *place < announced)
                .map_or(Ok(-1), i64::try_from)
                .unwrap_or(i64::MAX);
            expect(is == expected, || format!("the credential is {is}"))?;
        }
        let kept = self.shared.session_ids() > self.session_ids_before;
        if !self.resumes && flags.has("expect-session-id") {
            expect(kept, || "no session under an id".into())?;
        }
        if !self.resumes && flags.has("expect-no-session-id") {
            expect(!kept, || "a session under an id".into())?;
        }
        Ok(())
    }

    /// BoringSSL's reason for what became of early data, from what both sides know.
    fn early_data_reason(&self, agreed: &Agreed) -> Result<&'static str, Failure> {
        Ok(if !self.has("enable-early-data") {
            "disabled"
        } else if agreed.early_data == EarlyData::Accepted {
            "accept"
        } else if agreed.version != ProtocolVersion::TLS1_3 {
            "protocol_version"
        } else if agreed.hello_retry && !self.server {
            // A client sees the retry first.
            "hello_retry_request"
        } else if self.resumes && !agreed.resumed {
            "session_not_resumed"
        } else if agreed.hello_retry {
            "hello_retry_request"
        } else if !self.resumes {
            "no_session_offered"
        } else if self.offered_early || self.server && agreed.early_data == EarlyData::NotOffered {
            "peer_declined"
        } else {
            match self.connection.early_data_refusal() {
                Some(EarlyDataRefusal::Protocol) => "alpn_mismatch",
                Some(EarlyDataRefusal::Session) => "unsupported_for_session",
                Some(EarlyDataRefusal::TicketAge(_)) => "ticket_age_skew",
                _ => return Err(Unsupported("to say why early data was declined".into()).into()),
            }
        })
    }

    fn check_signature(&self) -> Result<(), Failure> {
        let expected = self
            .settings
            .flags
            .number("expect-peer-signature-algorithm")?;
        // Who goes on from a session has proved it then.
        let is = self.shared.settled().peer_scheme.map(|scheme| scheme.0);
        expect(is == expected, || format!("signed with {is:?}"))
    }

    fn check_peer(&self) -> Result<(), Failure> {
        let flags = &self.settings.flags;
        let connection = &self.connection;
        if let Some(expected) = flags.octets("expect-ocsp-response")? {
            let is = connection.ocsp_response();
            expect(is == Some(&expected), || format!("OCSP response {is:?}"))?;
        }
        if let Some(expected) = flags.octets("expect-signed-cert-timestamps")? {
            let is = connection.sct_list();
            expect(is == Some(&expected), || format!("timestamps {is:?}"))?;
        }
        if let Some(file) = flags.value("expect-peer-cert-file") {
            let chain = settings::chain(file)?;
            expect(connection.peer_chain() == chain, || "another chain".into())?;
        }
        if flags.has("expect-verify-result") {
            // Who shows nothing is not found wanting.
            let verdict = self.shared.judge.last().unwrap_or(true);
            expect(verdict != flags.has("verify-fail"), || {
                format!("verdict {verdict:?}")
            })?;
        }
        expect(self.shared.judge.calls() <= 1, || "judged twice".into())?;
        let shown = !connection.peer_chain().is_empty();
        let wanted = !self.server || flags.has("require-any-client-certificate");
        expect(
            shown || !wanted || flags.has("verify-peer") && self.server,
            || "no certificate".into(),
        )
    }

    /// Whether a client of TLS 1.2 has got the session that it should have.
    fn check_new_session(&self, agreed: &Agreed) -> Result<(), Failure> {
        if self.server || agreed.version != ProtocolVersion::TLS1_2 {
            return Ok(());
        }
        let got = self.shared.sessions.count() > self.sessions_before;
        let renewed = !agreed.resumed || self.has("expect-ticket-renewal");
        let expected = !self.has("expect-no-session") && renewed;
        expect(got == expected, || {
            format!("a session: {got}, and not as expected")
        })
    }
}
