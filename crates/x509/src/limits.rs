//! Bounds on what a hostile chain can make a verifier do. Each has a value, the attack it stops and
//! where the value comes from.

/// Signatures checked for one verdict, each once. CAs that sign each other in every direction have
/// exponentially many paths (CVE-2018-16875, CVE-2024-0567), and a check is what costs most.
/// rustls-webpki allows as many; real chains need two to four.
pub const MAX_SIGNATURE_CHECKS: usize = 100;

/// CAs that are looked at as the issuer of another for one verdict, and comparisons of their names by RFC 5280
/// 7.1, each 256 octets anew. Paths can be exponentially many though
/// their signatures are few; a full pool takes its square for every intermediate that a path needs.
pub const MAX_SEARCH_STEPS: usize = 100_000;

/// Comparisons of a name with a name constraint, or of a policy with a node of the policy graph, for one verdict. Thousands of names under
/// thousands of constraints cost their product (CVE-2025-58187). rustls-webpki allows as many.
pub const MAX_NAME_COMPARISONS: usize = 250_000;

/// Attributes of an RDN that are compared, each with each, for a name constraint; RDNs with more count as
/// incomparable. Nearly all have one.
pub const MAX_COMPARED_ATTRIBUTES: usize = 8;

/// Octets of an attribute's value that are compared without regard to case and spaces; longer ones
/// that differ count as incomparable. X.520's bounds for the usual attributes are 64 and 128; one
/// long value under thousands of constraints would cost their product.
pub const MAX_COMPARED_VALUE: usize = 256;

/// CA certificates between the end entity and the root, self-issued ones not counted, unless the caller says
/// otherwise. Paths on the web have one to three.
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

/// Policies, and policy mappings, in one certificate: the policy graph grows with their product.
/// Real certificates have up to ten.
pub const MAX_POLICIES: usize = 128;

/// Octets of one CRL. The largest on the web have about 50 MB; every entry is looked at for each
/// certificate of a path.
pub const MAX_CRL_LEN: usize = 128 << 20;

/// Octets of one OCSP response. Real ones have one or two kB; some servers staple what they are given.
pub const MAX_OCSP_RESPONSE_LEN: usize = 64 * 1024;

/// Seconds for which an OCSP response without nextUpdate is believed after its thisUpdate. RFC 6960 leaves it to
/// the client; CA/Browser Forum BR 4.9.10 has responses last at most ten days.
pub const MAX_OCSP_AGE: u64 = 10 * 24 * 60 * 60;

/// Octets of a serial number. RFC 5280 4.1.2.2 allows twenty; one more carries the sign.
pub const MAX_SERIAL_LEN: usize = 20;

/// Bits of the smallest RSA modulus (CA/Browser Forum BR 6.1.5, NIST SP 800-131A).
pub const MIN_RSA_BITS: u32 = 2048;

/// Bits of the largest RSA modulus. Verification time grows with the square; ring's bound.
pub const MAX_RSA_BITS: u32 = 8192;
