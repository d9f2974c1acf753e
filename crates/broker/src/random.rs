//! Random bytes from the kernel: for ids, salts and nonces.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The kernel gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the kernel gave no random bytes: {0}")]
pub struct RandomError(String);

/// So many bytes.
///
/// # Errors
/// When the kernel gives none.
#[expect(clippy::disallowed_methods, reason = "the broker's one place for random bytes")]
pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).map_err(|error| RandomError(error.to_string()))?;
    Ok(bytes)
}

/// 256 bits as text.
///
/// # Errors
/// When the kernel gives none.
pub fn nonce() -> Result<String, RandomError> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<32>()?))
}
