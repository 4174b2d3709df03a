//! Server-sent events for the API and the pages: fills, rewards and prices.

mod cursor;
mod hub;
mod listener;
mod prices;
mod response;

pub(crate) use self::cursor::Cursor;
pub use self::hub::Hub;
pub(crate) use self::hub::{Place, Told};
pub(crate) use self::listener::{Listener, News, Session};
pub(crate) use self::prices::{ChangedPrice, Prices};
pub(crate) use self::response::{Reader, event, respond};
