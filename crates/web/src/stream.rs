//! Server-sent events for the API and the pages: fills, rewards and prices.

mod cursor;
mod hub;
mod prices;
mod response;
mod subscriber;

pub(crate) use self::cursor::Cursor;
pub use self::hub::Hub;
pub(crate) use self::hub::{StreamEvent, StreamSlot};
pub(crate) use self::prices::{ChangedPrice, Prices};
pub(crate) use self::response::{Reader, event, respond};
pub(crate) use self::subscriber::{StreamItem, StreamSession, StreamSubscriber};
