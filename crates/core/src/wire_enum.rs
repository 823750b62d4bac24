/// Declares a registry of wire values: one row gives a value, its constant and its name, and values
/// without a row stay representable (a peer may send any).
///
/// ```
/// netkit_core::wire_enum! {
///     /// The content types of TLS records.
///     pub struct ContentType(u8) {
///         /// Nothing but an alert.
///         ALERT = 21, "alert";
///         /// Handshake messages.
///         HANDSHAKE = 22, "handshake";
///     }
/// }
/// assert_eq!(ContentType::ALERT.name(), Some("alert"));
/// assert_eq!(ContentType(99).name(), None);
/// assert_eq!(format!("{} {}", ContentType(22), ContentType(99)), "handshake ContentType(0x63)");
/// assert_eq!(ContentType::ALL, [ContentType::ALERT, ContentType::HANDSHAKE]);
/// ```
#[macro_export]
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        pub struct $Type:ident($repr:ty) {
            $( $(#[$row_meta:meta])* $CONST:ident = $value:literal, $name:literal; )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $Type(
            /// The value on the wire.
            pub $repr,
        );

        impl $Type {
            $( $(#[$row_meta])* pub const $CONST: Self = Self($value); )*

            /// Every value that has a name here, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$CONST),*];

            /// The registered name, if the value has one here.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $value => Some($name), )*
                    _ => None,
                }
            }
        }

        impl ::core::fmt::Display for $Type {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => write!(f, concat!(stringify!($Type), "({:#04x})"), self.0),
                }
            }
        }

        impl ::core::fmt::Debug for $Type {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(self, f)
            }
        }
    };
}
