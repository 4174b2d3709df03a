//! Reads the database of the earlier application (Laravel) on MariaDB, MySQL, PostgreSQL or SQLite,
//! in one snapshot. Numbers that may be damaged are read as text; the caller decides what they are.

mod connection;
mod queries;

use crate::query::row;

pub use self::connection::LaravelDatabase;
pub use self::queries::{OwnedTable, TradeTable};

/// The highest level that is read: it takes more XP than a number of the column holds.
pub const LARAVEL_LEVEL_MAX: i64 = 10_000;
/// The highest XP within a level that is read.
pub const LARAVEL_XP_MAX: i64 = 0xffff_ffff;
/// Level n takes n times this.
pub const LARAVEL_XP_STEP: i64 = 1_000;
/// Balances are read below this number of cents, up to which SQLite prints both digits.
pub const LARAVEL_CENTS_END: i64 = 1_000_000_000_000_000;

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LaravelUser {
        pub id: i64,
        pub name: Option<String>,
        pub email: Option<String>,
        pub password: Option<String>,
        pub balance: Option<String>,
        pub level: Option<String>,
        pub experience_points: Option<String>,
        /// In seconds since 1970.
        pub created_at: Option<i64>,
        /// 0 or 1.
        pub is_deleted: i64,
    }
}

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LaravelStock {
        pub id: i64,
        pub symbol: Option<String>,
        pub current_price: Option<String>,
    }
}

row! {
    /// A row of `portfolios`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LaravelHolding {
        pub user_id: i64,
        pub stock_id: i64,
        pub quantity: Option<String>,
        pub average_price: Option<String>,
        /// 0 or 1.
        pub is_deleted: i64,
    }
}

row! {
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LaravelAchievement {
        pub id: i64,
        pub name: Option<String>,
    }
}

row! {
    /// A row of `achievement_user`.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct LaravelUnlock {
        pub user_id: i64,
        pub achievement_id: i64,
        /// In seconds since 1970.
        pub unlocked_at: Option<i64>,
    }
}

row! {
    /// Sums over all rows, computed by the database itself. Rows without their user, numbers below
    /// 0 and numbers that cannot be read are left out.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct LaravelTotals {
        pub users: i64,
        pub cash_cents: i64,
        pub xp: i64,
        pub unlocks: i64,
    }
}

row! {
    /// The shares of one stock that all users have.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LaravelShares {
        pub stock_id: i64,
        pub shares: i64,
    }
}

row! {
    /// A position that differs from the sum of its trades.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PositionDifference {
        pub user_id: i64,
        pub stock_id: i64,
        pub held: i64,
        pub traded: i64,
    }
}

row! {
    /// A balance that differs from the default balance and the user's trades, in cents.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CashDifference {
        pub user_id: i64,
        pub balance: i64,
        pub traded: i64,
    }
}

row! {
    /// A row whose user or stock does not exist; 0 where the id is missing.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LaravelOrphan {
        pub user_id: i64,
        pub other_id: i64,
    }
}
