//! Each rule of a verdict, with a chain that keeps it and one that breaks it.

mod asn1;
mod chains;
mod constraints;
mod damage;
mod diagnosis;
mod keys;
mod names;
mod ocsp;
mod pki;
mod policies;
mod profiles;
mod revocation;
mod search;
