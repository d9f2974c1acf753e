//! The connection with the broker on `agent.sock`, asynchronously; the frames are `brevet_api::frame`'s.

use std::path::Path;

use brevet_api::frame::{self, Frame, FrameError, MAX_LINK};
use brevet_api::link::{Down, Up};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// What comes from the broker.
pub struct Reader(OwnedReadHalf);

/// What goes to the broker.
pub struct Writer(OwnedWriteHalf);

/// Connects to the broker.
///
/// # Errors
/// When nobody listens there, or not for us.
pub async fn connect(socket: &Path) -> std::io::Result<(Reader, Writer)> {
    let (read, write) = UnixStream::connect(socket).await?.into_split();
    Ok((Reader(read), Writer(write)))
}

impl Reader {
    /// The next frame. Not to be dropped half-way: what was read would be lost.
    ///
    /// # Errors
    /// When the connection ended or the frame is not one of the protocol's.
    pub async fn next(&mut self) -> Result<Up, FrameError> {
        let mut prefix = [0u8; 4];
        if self.0.read(&mut prefix[..1]).await? == 0 {
            return Err(FrameError::Closed);
        }
        self.0.read_exact(&mut prefix[1..]).await?;
        let length = usize::try_from(u32::from_be_bytes(prefix)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_LINK {
            return Err(FrameError::Length { length, limit: MAX_LINK });
        }
        let kind = self.0.read_u8().await?;
        let mut payload = vec![0u8; length.saturating_sub(1)];
        self.0.read_exact(&mut payload).await?;
        frame::control(&Frame { kind, payload })
    }
}

impl Writer {
    /// Sends one frame.
    ///
    /// # Errors
    /// When it is larger than the broker reads, or the connection ended.
    pub async fn send(&mut self, down: &Down) -> Result<(), FrameError> {
        let bytes = frame::encode_control(down)?;
        let length = bytes.len().saturating_sub(4);
        if length > MAX_LINK {
            return Err(FrameError::Length { length, limit: MAX_LINK });
        }
        Ok(self.0.write_all(&bytes).await?)
    }
}
