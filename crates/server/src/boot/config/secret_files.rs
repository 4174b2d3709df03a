//! Secrets from files: `KEY_file` names a file that contains the value of `KEY`, for every key that
//! is a secret.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::LayerError;
use super::nearest::join;
use super::secrets::is_secret;
use super::text_file::read_text;

const SUFFIX: &str = "_file";
/// The largest file, in bytes.
const SIZE_MAX: u64 = 64 * 1024;

/// The dotted key of the secret whose file a dotted key names.
pub(super) fn secret_of(dotted: &str) -> Option<&str> {
    dotted.strip_suffix(SUFFIX).filter(|secret| is_secret(secret))
}

/// Removes from `tree` the file of each secret that the stronger `layer` sets. A layer that sets a
/// secret and names its file is an error.
pub(super) fn replace(
    tree: &mut DeTable<'_>,
    layer: &DeTable<'_>,
    section: &str,
) -> Result<(), LayerError> {
    for (key, value) in layer {
        let (key, dotted) = (key.get_ref().as_ref(), join(section, key.get_ref()));
        if let DeValue::Table(inner) = value.get_ref() {
            if let Some(DeValue::Table(tree)) = tree.get_mut(key).map(Spanned::get_mut) {
                replace(tree, inner, &dotted)?;
            }
            continue;
        }
        let Some(secret) = secret_of(&dotted) else {
            if is_secret(&dotted) && is_set(value) {
                tree.remove(format!("{key}{SUFFIX}").as_str());
            }
            continue;
        };
        let name = key.trim_end_matches(SUFFIX);
        if is_set(value) && layer.get(name).is_some_and(is_set) {
            return Err(both(secret, value.span()));
        }
    }
    Ok(())
}

/// The error of a secret that is set beside its file, at the span of the file.
pub(super) fn both(secret: &str, span: Range<usize>) -> LayerError {
    let text = format!("{secret}{SUFFIX}: {secret} is set as well; remove one of the two");
    LayerError { span, text }
}

fn is_set(value: &Spanned<DeValue<'_>>) -> bool {
    value.get_ref().as_str().is_some_and(|text| !text.is_empty())
}

/// Replaces the name of every secret's file by the secret in it, and adds the name to `files`.
pub(super) fn read_into(
    table: &mut DeTable<'_>,
    section: &str,
    files: &mut Vec<PathBuf>,
) -> Result<(), LayerError> {
    let mut named = Vec::new();
    for (key, value) in table.iter_mut() {
        let dotted = join(section, key.get_ref());
        if let DeValue::Table(inner) = value.get_mut() {
            read_into(inner, &dotted, files)?;
        } else if secret_of(&dotted).is_some() {
            named.push(key.clone());
        }
    }
    for key in named {
        let Some(file) = table.remove(&key) else { continue };
        let name = key.get_ref().trim_end_matches(SUFFIX).to_owned();
        let path = file.get_ref().as_str().unwrap_or_default();
        if path.is_empty() {
            continue;
        }
        let failed = |text: String| {
            let dotted = join(section, key.get_ref());
            LayerError { span: file.span(), text: format!("{dotted}: {text}") }
        };
        let secret = read_secret(path).map_err(failed)?;
        files.push(PathBuf::from(path));
        let value = Spanned::new(file.span(), DeValue::String(Cow::Owned(secret)));
        table.insert(Spanned::new(key.span(), Cow::Owned(name)), value);
    }
    Ok(())
}

/// The content of a file, without the line break at its end.
fn read_secret(path: &str) -> Result<String, String> {
    let text = read_text(Path::new(path), SIZE_MAX).map_err(|error| {
        format!(
            "cannot read {path} ({error}); create the file, and let the user of this process read it"
        )
    })?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(format!("{path} is empty; write the secret into it"));
    }
    Ok(secret.to_owned())
}
