//! What fields mean (RFC 9110), for whoever answers requests or reads responses: validators and
//! conditional requests, ranges, dates, media types, and the choice between representations.
//!
//! Each piece is a function of field values, and knows neither a connection nor a clock: it works with
//! [`Fields`](crate::Fields) as with an `http::HeaderMap`. A field that breaks its own grammar is treated as the
//! RFC says, which is mostly as if it were not there; nothing here fails.

mod conditional;
mod date;
mod entity_tag;
mod list;
mod media_type;
mod negotiation;
mod range;

pub use conditional::{Validators, Verdict, evaluate};
pub use date::HttpDate;
pub use entity_tag::EntityTag;
pub use media_type::MediaType;
pub use negotiation::{Weight, content_coding, media_type_weight, weighted};
pub use range::{ContentRange, Selected, select};
