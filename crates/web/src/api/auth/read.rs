//! Parses the bodies of registration, login and token requests. All errors are reported at once, in
//! the texts of the original API where it has some.

use domain::text::TextKind;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::auth::accounts::{self, LoginRequest, RegistrationRequest, TokenNameError};
use crate::auth::names::{self, Email, EmailError};
use crate::auth::passwords;
use crate::config::{AuthConfig, WebConfig};
use crate::http::input::{Member, unfit};
use crate::problem::{FieldErrors, Problem};

#[derive(Deserialize, ToSchema)]
pub(in crate::api) struct RegisterBody {
    /// Shown to other players.
    #[schema(value_type = String, example = "Ada", min_length = 1, max_length = 40,
        required = true)]
    name: Option<Box<RawValue>>,
    #[schema(value_type = String, example = "ada@example.com", max_length = 254, required = true)]
    email: Option<Box<RawValue>>,
    #[schema(value_type = String, example = "password123", min_length = 8, max_length = 256,
        required = true)]
    password: Option<Box<RawValue>>,
    /// The same as `password`.
    #[schema(value_type = String, example = "password123", required = true)]
    password_confirmation: Option<Box<RawValue>>,
}

#[derive(Deserialize, ToSchema)]
pub(in crate::api) struct LoginBody {
    #[schema(value_type = String, example = "ada@example.com", required = true)]
    email: Option<Box<RawValue>>,
    #[schema(value_type = String, example = "password123", required = true)]
    password: Option<Box<RawValue>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct TokenBody {
    /// What it is for.
    #[schema(value_type = String, example = "My trading bot", min_length = 1, max_length = 60,
        required = true)]
    name: Option<Box<RawValue>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FarewellBody)]
pub(in crate::api) struct DeletionBody {
    /// The current password.
    #[schema(value_type = String, example = "password123", required = true)]
    password: Option<Box<RawValue>>,
}

impl DeletionBody {
    pub(super) fn read(&self) -> Result<String, Problem> {
        let password = text("password", self.password.as_deref());
        password.map_err(|error| Problem::field("password", error))
    }
}

impl RegisterBody {
    pub(super) fn read(&self, config: &WebConfig) -> Result<RegistrationRequest, Problem> {
        let mut errors = FieldErrors::default();
        let name = text("name", self.name.as_deref());
        let name = name.and_then(|name| {
            names::check_name(&name, &config.names).map_err(|error| error.to_string())
        });
        let name = errors.collect("name", name);
        let email = parse_email(&mut errors, self.email.as_deref());
        let password = self.parse_new_password(&mut errors, &config.auth);
        errors.finish()?;
        let (Some(name), Some(email), Some(password)) = (name, email, password) else {
            return Err(Problem::internal());
        };
        Ok(RegistrationRequest { name, email, password })
    }

    fn parse_new_password(&self, errors: &mut FieldErrors, auth: &AuthConfig) -> Option<String> {
        let password = text("password", self.password.as_deref());
        let password = errors.collect("password", password)?;
        let again = text("password", self.password_confirmation.as_deref());
        if again.as_ref() != Ok(&password) {
            let text = "The password field confirmation does not match.".to_owned();
            errors.collect::<()>("password", Err(text));
        }
        let checked = passwords::check(&password, auth).map_err(|error| error.to_string());
        errors.collect("password", checked.map(|()| password))
    }
}

impl LoginBody {
    pub(super) fn read(&self) -> Result<LoginRequest, Problem> {
        let mut errors = FieldErrors::default();
        let email = parse_email(&mut errors, self.email.as_deref());
        let password = errors.collect("password", text("password", self.password.as_deref()));
        errors.finish()?;
        let (Some(email), Some(password)) = (email, password) else {
            return Err(Problem::internal());
        };
        Ok(LoginRequest { email, password })
    }
}

impl TokenBody {
    pub(super) fn read(&self) -> Result<String, Problem> {
        let name = text("name", self.name.as_deref());
        let name = name.and_then(|name| {
            accounts::check_token_name(&name).map_err(|error| match error {
                TokenNameError::Unfit(error) => unfit("name", error, TextKind::Line),
                TokenNameError::TooLong(max) => {
                    format!("The name field must not be greater than {max} characters.")
                }
            })
        });
        name.map_err(|error| Problem::field("name", error))
    }
}

fn parse_email(errors: &mut FieldErrors, raw: Option<&RawValue>) -> Option<Email> {
    let read = text("email", raw);
    // The original API reports both errors for a value that is not a string.
    let is_text = raw.is_none_or(|raw| matches!(raw.get().as_bytes(), [b'"' | b'n', ..]));
    let email = errors.collect(
        "email",
        read.and_then(|text| names::check_email(&text).map_err(|error| error.to_string())),
    );
    if !is_text {
        errors.collect::<()>("email", Err(EmailError::Invalid.to_string()));
    }
    email
}

/// A member that must be a non-blank string; returned as it was sent.
fn text(name: &str, raw: Option<&RawValue>) -> Result<String, String> {
    match Member::of(raw) {
        Member::Text(text) => Ok(text),
        Member::Absent => Err(format!("The {name} field is required.")),
        Member::Broken(error) => Err(unfit(name, error, TextKind::Secret)),
        Member::Number(_) | Member::Other => Err(format!("The {name} field must be a string.")),
    }
}
