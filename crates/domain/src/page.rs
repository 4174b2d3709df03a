//! Bounded pages: the requested page, clamped to its limits, and the `meta` member of the response.
//! Lists that grow without a limit use keyset pagination instead, in `store`.

use serde::Serialize;

/// A page number and the rows a page, within their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    page: i64,
    per_page: i64,
}

impl PageRequest {
    /// The highest page number; lists are empty beyond it.
    pub const PAGE_MAX: i64 = 1_000_000;

    /// Clamps `page` to 1..=1,000,000 and `per_page` to 1..=`per_page_max`.
    pub fn clamped(page: i64, per_page: i64, per_page_max: i64) -> Self {
        Self { page: page.clamp(1, Self::PAGE_MAX), per_page: per_page.clamp(1, per_page_max) }
    }

    /// The page's number, from 1.
    pub fn page(self) -> i64 {
        self.page
    }

    /// Rows a page.
    pub fn per_page(self) -> i64 {
        self.per_page
    }

    /// Rows before this page.
    pub fn offset(self) -> i64 {
        (self.page - 1) * self.per_page
    }

    /// The `meta` member, given the total number of rows.
    pub fn meta(self, total: i64) -> PageMeta {
        let last_page = total.div_euclid(self.per_page) + i64::from(total % self.per_page > 0);
        let last_page = last_page.max(1);
        PageMeta { current_page: self.page, per_page: self.per_page, last_page, total }
    }
}

/// The `meta` member of a paged response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PageMeta {
    /// This page, from 1.
    pub current_page: i64,
    /// Rows a page.
    pub per_page: i64,
    /// The last page, at least 1.
    pub last_page: i64,
    /// The number of all rows.
    pub total: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_clamped() {
        let page = PageRequest::clamped(-5, 1000, 100);
        assert_eq!((page.page(), page.per_page(), page.offset()), (1, 100, 0));
        let page = PageRequest::clamped(i64::MAX, 0, 100);
        assert_eq!((page.page(), page.per_page()), (1_000_000, 1));
    }

    #[test]
    fn the_last_page_is_at_least_one() {
        let page = PageRequest::clamped(1, 20, 50);
        assert_eq!(page.meta(0).last_page, 1);
        assert_eq!(page.meta(20).last_page, 1);
        assert_eq!(page.meta(62).last_page, 4);
    }
}
