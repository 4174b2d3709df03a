//! The keys of a file of rules that decide how its amounts are parsed. They are parsed before the
//! rest, because an amount may stand before the currency.

use serde::Deserialize;

use crate::{Currency, MinorUnit};

/// The currency of rules, and its minor unit.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AmountKeys {
    #[serde(default)]
    currency: Currency,
    minor_unit: Option<MinorUnit>,
}

impl AmountKeys {
    /// The unit of amounts in new rules: that of the currency. A file for a game from before other
    /// units than hundredths keeps them with `minor_unit = 2`, also under an unknown code.
    ///
    /// # Errors
    /// The key, and what was expected.
    pub fn of_new(&self) -> Result<MinorUnit, String> {
        if self.minor_unit == Some(MinorUnit::Hundredth) {
            return Ok(MinorUnit::Hundredth);
        }
        let unit = self.currency.minor_unit().map_err(|error| format!("currency: {error}"))?;
        match self.minor_unit {
            Some(other) if other != unit => Err(format!(
                "minor_unit: expected {} ({}), or 2 in a game that began with it, got {}",
                unit.digits(),
                self.currency.code(),
                other.digits()
            )),
            _ => Ok(unit),
        }
    }

    /// The unit of amounts in stored rules: those without the key were written when every game
    /// counted in hundredths, whatever its currency.
    pub fn of_stored(&self) -> MinorUnit {
        self.minor_unit.unwrap_or_default()
    }
}
