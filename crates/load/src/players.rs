//! Parses the file of tokens: the players of a run.

use hyper::header::HeaderValue;

use crate::error::LoadError;

#[derive(Clone, Debug)]
pub(crate) struct PlayerLogin {
    /// `Bearer …`.
    pub(crate) bearer: HeaderValue,
    /// E-mail address and password, if the file has them.
    pub(crate) login: Option<(String, String)>,
}

/// The players of a file of tokens.
#[derive(Clone, Debug)]
pub struct Players(Vec<PlayerLogin>);

impl Players {
    /// Parses lines of `TOKEN` or `TOKEN EMAIL PASSWORD`; empty lines are skipped.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let logins =
            lines.map(|(index, line)| parse_line(line).ok_or(LoadError::Tokens(index + 1)));
        let logins = logins.collect::<Result<Vec<_>, _>>()?;
        if logins.is_empty() { Err(LoadError::NoPlayers) } else { Ok(Self(logins)) }
    }

    pub(crate) fn logins(&self) -> &[PlayerLogin] {
        &self.0
    }
}

fn parse_line(line: &str) -> Option<PlayerLogin> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (token, login) = match words[..] {
        [token] => (token, None),
        [token, email, password] => (token, Some((email.to_owned(), password.to_owned()))),
        _ => return None,
    };
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    bearer.set_sensitive(true);
    Some(PlayerLogin { bearer, login })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_token_with_or_without_a_login() {
        let players = Players::parse("ob_a a@b.c pass\n\nob_b\n").expect("good");
        assert_eq!(players.logins().len(), 2);
        assert_eq!(players.logins()[0].login, Some(("a@b.c".into(), "pass".into())));
        assert_eq!(players.logins()[1].bearer, "Bearer ob_b");
        assert!(matches!(Players::parse("ob_a\nob_b me\n"), Err(LoadError::Tokens(2))));
        assert!(matches!(Players::parse(" \n"), Err(LoadError::NoPlayers)));
    }
}
