//! The two macros the crate is written with: closed word lists and typed ids.

/// Declares a closed list of words: one enum, its kebab-case text, its stable number on disk.
///
/// Reading an unknown text or number fails; the message lists what exists.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $number:literal $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
                 serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every word of the list, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];
            /// The word as it stands on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),+ }
            }
            /// The word's number on disk; frozen once released.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $($name::$variant => $number),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some([$($text),+]))
                    .build()
                    .into()
            }
        }
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok($name::$variant),)+
                    _ => Err($crate::words::UnknownWord {
                        list: stringify!($name),
                        found: text.to_owned(),
                        known: &[$($text),+],
                    }),
                }
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self, e: &mut minicbor::Encoder<W>, _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.u8(self.number())?;
                Ok(())
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                match d.u8()? {
                    $($number => Ok($name::$variant),)+
                    other => Err(minicbor::decode::Error::message(
                        format!("`{other}` is not a {}", stringify!($name)))),
                }
            }
        }
    };
}

/// Declares a typed 16-byte id with its text prefix.
macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal),+ $(,)?) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name([u8; 16]);

            impl $name {
                /// What the id's text begins with, before the underscore.
                pub const PREFIX: &'static str = $prefix;
                /// Wraps sixteen bytes; minting them is the shell's business.
                #[must_use]
                pub const fn from_bytes(bytes: [u8; 16]) -> Self { Self(bytes) }
                /// The sixteen bytes, as they stand on disk.
                #[must_use]
                pub const fn bytes(self) -> [u8; 16] { self.0 }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str($prefix)?;
                    f.write_str("_")?;
                    $crate::ids::write_base32(self.0, f)
                }
            }

            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    std::fmt::Display::fmt(self, f)
                }
            }

            impl std::str::FromStr for $name {
                type Err = $crate::ids::BadId;
                fn from_str(text: &str) -> Result<Self, Self::Err> {
                    $crate::ids::read_base32($prefix, text).map(Self)
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                    s.collect_str(self)
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                    let text = String::deserialize(d)?;
                    text.parse().map_err(serde::de::Error::custom)
                }
            }

            impl<C> minicbor::Encode<C> for $name {
                fn encode<W: minicbor::encode::Write>(
                    &self, e: &mut minicbor::Encoder<W>, _: &mut C,
                ) -> Result<(), minicbor::encode::Error<W::Error>> {
                    e.bytes(&self.0)?;
                    Ok(())
                }
            }

            impl<'b, C> minicbor::Decode<'b, C> for $name {
                fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                    $crate::digest::fixed(d).map(Self)
                }
            }

            impl utoipa::PartialSchema for $name {
                fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                    $crate::ids::id_schema($prefix)
                }
            }
            impl utoipa::ToSchema for $name {
                fn name() -> std::borrow::Cow<'static, str> { std::borrow::Cow::Borrowed(stringify!($name)) }
            }
        )+
    };
}

pub(crate) use {ids, words};
