//! Enums that are text in the database and the API.

/// Gives such an enum the list of its variants and their names, and makes it a column of type `text`. It derives
/// `strum::VariantArray` and `strum::VariantNames`; no variant has a discriminant of its own.
macro_rules! text_enum {
    ($name:ident) => {
        #[allow(dead_code, unreachable_pub, reason = "not every enum needs all of them, or is public")]
        impl $name {
            /// The values of all of them in the database and the API, in the order of declaration.
            pub const NAMES: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;

            /// All of them, in the order of declaration.
            pub const ALL: [Self; Self::NAMES.len()] = *<Self as strum::VariantArray>::VARIANTS.first_chunk().unwrap();

            /// Its value in the database and the API.
            pub const fn as_str(self) -> &'static str {
                Self::NAMES[self as usize]
            }
        }

        // not derived: sqlx would look the type up by its name
        impl sqlx::Type<sqlx::Postgres> for $name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <str as sqlx::Type<sqlx::Postgres>>::type_info()
            }

            fn compatible(ty: &sqlx::postgres::PgTypeInfo) -> bool {
                <str as sqlx::Type<sqlx::Postgres>>::compatible(ty)
            }
        }

        impl sqlx::Encode<'_, sqlx::Postgres> for $name {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                <&str as sqlx::Encode<sqlx::Postgres>>::encode_by_ref(&self.as_str(), buffer)
            }
        }

        impl sqlx::Decode<'_, sqlx::Postgres> for $name {
            fn decode(value: sqlx::postgres::PgValueRef<'_>) -> Result<Self, sqlx::error::BoxDynError> {
                let text = <&str as sqlx::Decode<sqlx::Postgres>>::decode(value)?;
                let unknown = || format!("`{text}` is no {}", stringify!($name)).into();
                Self::ALL.into_iter().find(|variant| variant.as_str() == text).ok_or_else(unknown)
            }
        }
    };
}
pub(crate) use text_enum;
