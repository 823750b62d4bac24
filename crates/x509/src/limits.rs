//! Bounds on what a hostile chain can make a verifier do. Each has a value, the attack it stops and
//! where the value comes from.

/// Signatures checked for one verdict. A chain of CAs that sign each other in every direction has
/// exponentially many paths (CVE-2018-16875, CVE-2024-0567); every step along one costs a check, so this
/// bounds the search as a whole. rustls-webpki allows as many; real chains need two to four.
pub const MAX_SIGNATURE_CHECKS: usize = 100;

/// Comparisons of a name with a name constraint for one verdict. Thousands of names under
/// thousands of constraints cost their product (CVE-2025-58187). rustls-webpki allows as many.
pub const MAX_NAME_COMPARISONS: usize = 250_000;

/// Attributes of an RDN that are compared, each with each, for a name constraint; RDNs with more count as
/// incomparable. Nearly all have one.
pub const MAX_COMPARED_ATTRIBUTES: usize = 8;

/// Octets of an attribute's value that are compared without regard to case and spaces; longer ones
/// that differ count as incomparable. X.520's bounds for the usual attributes are 64 and 128; one
/// long value under thousands of constraints would cost their product.
pub const MAX_COMPARED_VALUE: usize = 256;

/// CA certificates between the end entity and the root, self-issued ones included. Paths on the
/// web have one to three; deep recursion is refused before it costs stack.
pub const MAX_INTERMEDIATES: usize = 8;

/// Certificates in the pool of intermediates. More are refused unread: TLS servers send two
/// to four, and parsing is work done for a stranger.
pub const MAX_POOL: usize = 128;

/// Octets of one certificate. The largest on the web, with thousands of names, have about 40 kB;
/// a TLS message may claim 16 MiB.
pub const MAX_CERTIFICATE_LEN: usize = 64 * 1024;

/// Extensions in one certificate. Duplicates are found by comparing each with all before it. Real
/// certificates have about ten.
pub const MAX_EXTENSIONS: usize = 64;

/// Octets of a serial number. RFC 5280 4.1.2.2 allows twenty; one more carries the sign.
pub const MAX_SERIAL_LEN: usize = 20;

/// Bits of the smallest RSA modulus (CA/Browser Forum BR 6.1.5, NIST SP 800-131A).
pub const MIN_RSA_BITS: u32 = 2048;

/// Bits of the largest RSA modulus. Verification time grows with the square; ring's bound.
pub const MAX_RSA_BITS: u32 = 8192;
