//! Enums of choices, each with a word that URLs, forms, cookies and the database contain.

macro_rules! choices {
    ($(#[$attribute:meta])* $name:ident {
        $($(#[$of:meta])* $variant:ident = $word:literal),* $(,)?
    }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$of])* $variant),* }

        impl $name {
            pub(crate) const ALL: [Self; [$($word),*].len()] = [$(Self::$variant),*];

            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub(crate) fn parse(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|choice| choice.as_str() == word)
            }
        }
    };
}

pub(super) use choices;
