//! Each rule of a verdict, with a chain that keeps it and one that breaks it.

mod chains;
mod constraints;
mod damage;
mod diagnosis;
mod keys;
mod names;
mod pki;
mod search;
