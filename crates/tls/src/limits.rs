//! Every limit: its value, the attack that it stops, and where the number comes from.

/// Longest plaintext of a record, in octets (RFC 9846 5.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

/// Least octets that a configuration may limit the content of its records to, as in RFC 8449 4: an alert fits
/// (RFC 9846 5.1), and a handshake does not become a thousand records.
pub const MIN_FRAGMENT: usize = 64;

/// Longest protected record body, in octets: plaintext, content type, padding and tag (RFC 9846 5.2).
pub const MAX_CIPHERTEXT: usize = MAX_PLAINTEXT + 256;

/// Longest handshake message, in octets with its header. A peer announces up to 16 MiB and makes us
/// collect it; chains of real servers stay below 20 kB.
pub const MAX_HANDSHAKE_MESSAGE: usize = 1 << 16;

/// Certificates in a chain. Each costs a path builder work; 16 is twice the deepest chain in use.
pub const MAX_CHAIN: usize = 16;

/// Certificate compression algorithms in a configuration: as many as fit the extension (RFC 8879 3).
pub const MAX_COMPRESSIONS: usize = 127;

/// Key shares in a ClientHello. Each is looked for among up to 32 000 groups: without a limit one
/// hello of 64 KiB costs 10^8 comparisons. Clients send one or two, and a made-up one.
pub const MAX_KEY_SHARES: usize = 16;

/// Signature schemes in a ClientHello. Each identity of a server looks for each of its own: without a
/// limit one hello of 64 KiB costs a server of 100 RSA certificates 4 * 10^7 comparisons. Clients send
/// some 20.
pub const MAX_SIGNATURE_SCHEMES: usize = 128;

/// Octets of a HelloRetryRequest's cookie. The second ClientHello has to hold it beside everything
/// else; it is an address and a hash, or an encrypted state of some hundred octets.
pub const MAX_COOKIE: usize = 1 << 14;

/// ChangeCipherSpec records in a handshake. They are free to send and are dropped unread; a peer
/// has a reason for at most one before and one after a retry, and some send more.
pub const MAX_CHANGE_CIPHER_SPECS: u8 = 8;

/// Protected records in a row that carry no octet. They cost us a decryption each and move nothing.
pub const MAX_EMPTY_RECORDS: u8 = 32;

/// KeyUpdate messages in a row without application data. Each costs a key schedule step and, when
/// it asks for ours, a record in return.
pub const MAX_KEY_UPDATES: u8 = 32;

/// Wishes to renegotiate (a HelloRequest or ClientHello on an open connection of TLS 1.2) in a row
/// without application data. Each costs an alert in return.
pub const MAX_RENEGOTIATIONS: u8 = 4;

/// Warning alerts in a row without application data.
pub const MAX_WARNINGS: u8 = 4;

/// NewSessionTicket messages in a row without application data.
pub const MAX_TICKETS: u8 = 16;

/// Octets of early data that a server which accepts none reads past (RFC 9846 4.3.10). Covers the
/// 14-16 KiB that deployed clients send before they hear from the server.
pub const MAX_SKIPPED_EARLY_DATA: usize = 1 << 15;

/// Records under one AES-GCM key. RFC 9846 5.5 allows 2^24.5 full-size ones; ours rekeys before.
pub const MAX_RECORDS_AES_GCM: u64 = 1 << 23;

/// Records under one AES-GCM key of TLS 1.2, which cannot change it: RFC 9325 4.4's 2^24.5 full-size
/// ones. Whoever sends more, 388 GB, has to connect again.
pub const MAX_RECORDS_AES_GCM_TLS12: u64 = 23_726_566;

/// Records under one ChaCha20-Poly1305 key: only the record number's wrap at 2^64 is to be avoided
/// (RFC 9846 5.5); 2^48 is out of reach of any connection.
pub const MAX_RECORDS_CHACHA20: u64 = 1 << 48;

/// Records opened under one key. The limits above bind whoever protects, and a peer that keeps to RFC
/// 9846 5.5's own, or to none, is no attacker: only the record number's wrap is to be avoided.
pub const MAX_RECORDS_OPENED: u64 = 1 << 48;

/// Seconds that a ticket lasts (RFC 9846 4.7.1): seven days, whatever its server says.
pub const MAX_TICKET_LIFETIME: u32 = 7 * 24 * 60 * 60;

/// Octets of a session's encoding, a peer's chain included: a ticket has to fit a ClientHello.
pub const MAX_SESSION: usize = 1 << 14;

/// Octets of a ticket to keep and to show. A server's may be any length up to 65535; with two of those
/// and our own, the ClientHello would pass what servers take.
pub const MAX_TICKET: usize = 1 << 14;

/// Secrets whose tickets a server takes: the present one and two before it.
pub const MAX_TICKET_KEYS: usize = 3;

/// Sessions of TLS 1.2 that a server keeps under their ids. Every full handshake makes one, of some 300
/// octets or of [`MAX_SESSION`] where clients show chains: 32 MiB at most.
pub const MAX_SESSION_IDS: usize = 1 << 11;

/// Servers with whom a client's memory keeps sessions.
pub const MAX_SESSION_SERVERS: usize = 256;

/// Sessions kept with one server: as many as connections to it begin at once and no more, since each
/// may hold a chain.
pub const MAX_SESSIONS_PER_SERVER: usize = 4;

/// Pre-shared keys in a ClientHello that a server looks up. Each costs a decryption.
pub const MAX_PSKS: usize = 8;

/// Seconds by which a client's account of its ticket's age may be wrong for early data (RFC 9846 8.3):
/// the way there and back, and clocks.
pub const EARLY_DATA_WINDOW: u64 = 10;

/// Tickets whose early data a server remembers, each for some 30 seconds, in about 100 octets.
pub const MAX_REMEMBERED_TICKETS: usize = 1 << 14;
