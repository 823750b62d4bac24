use netkit_tls::CryptoRng;
use rand_core::UnwrapErr;

/// The operating system's generator. It is of size zero: the box allocates nothing.
///
/// It panics if the system has no randomness to give: nothing can be secure then.
pub(crate) fn system() -> Box<dyn CryptoRng + Send> {
    Box::new(UnwrapErr(getrandom::SysRng))
}
