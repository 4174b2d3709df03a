//! The pages there are, for the tests that look at each. A new page is one line here.

/// A page as an address and a name for its pictures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    /// That it answers with an error status.
    pub(crate) is_error: bool,
}

const fn page(name: &'static str, path: &'static str) -> Page {
    Page { name, path, is_error: false }
}

/// What anybody may see.
pub(crate) const PUBLIC: &[Page] =
    &[page("landing", "/"), Page { is_error: true, ..page("not-found", "/there-is-no-such-page") }];
