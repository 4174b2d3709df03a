//! A zip that grows in a file without a name, which is gone with it. Compressing and writing happen
//! where they keep no request waiting. What is in it is decided by `export`.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::task::spawn_blocking;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::problem::Problem;

/// Bytes of a piece that is sent.
const PIECE: usize = 1 << 16;

/// The zip while it is written.
pub(super) struct Spool(Option<Box<ZipWriter<File>>>);

/// Text that will be in it later.
pub(super) struct Beside(Option<File>);

impl Spool {
    pub(super) async fn open() -> Result<Self, Problem> {
        let file = off(tempfile::tempfile).await?;
        Ok(Self(Some(Box::new(ZipWriter::new(file)))))
    }

    /// Begins the next file of the zip.
    pub(super) async fn begin(&mut self, name: &'static str) -> Result<(), Problem> {
        self.with(move |zip| Ok(zip.start_file(name, SimpleFileOptions::default())?)).await
    }

    /// Writes on in that file.
    pub(super) async fn write(&mut self, text: impl Into<String>) -> Result<(), Problem> {
        let text = text.into();
        self.with(move |zip| zip.write_all(text.as_bytes())).await
    }

    /// Text that is gathered meanwhile.
    pub(super) async fn beside(&self) -> Result<Beside, Problem> {
        Ok(Beside(Some(off(tempfile::tempfile).await?)))
    }

    /// Writes what was gathered.
    pub(super) async fn append(&mut self, mut beside: Beside) -> Result<(), Problem> {
        let Some(mut file) = beside.0.take() else { return Err(lost()) };
        self.with(move |zip| {
            file.seek(SeekFrom::Start(0))?;
            io::copy(&mut file, zip).map(|_| ())
        })
        .await
    }

    /// Ends the zip; how long it is, and its bytes.
    pub(super) async fn finish(mut self) -> Result<(u64, Body), Problem> {
        let Some(zip) = self.0.take() else { return Err(lost()) };
        let (length, file) = off(move || {
            let mut file = zip.finish()?;
            let length = file.stream_position()?;
            file.seek(SeekFrom::Start(0))?;
            Ok((length, file))
        })
        .await?;
        let pieces = stream::try_unfold(file, |mut file| async move {
            let read = spawn_blocking(move || {
                let mut piece = vec![0; PIECE];
                let count = file.read(&mut piece)?;
                piece.truncate(count);
                Ok::<_, io::Error>((piece, file))
            });
            let (piece, file) = read.await.map_err(io::Error::other)??;
            let piece = Some(piece).filter(|piece| !piece.is_empty());
            Ok::<_, io::Error>(piece.map(|piece| (Bytes::from(piece), file)))
        });
        Ok((length, Body::from_stream(pieces)))
    }

    async fn with(
        &mut self,
        work: impl FnOnce(&mut ZipWriter<File>) -> io::Result<()> + Send + 'static,
    ) -> Result<(), Problem> {
        let Some(mut zip) = self.0.take() else { return Err(lost()) };
        let zip = off(move || work(&mut zip).map(|()| zip)).await?;
        self.0 = Some(zip);
        Ok(())
    }
}

impl Beside {
    pub(super) async fn write(&mut self, text: String) -> Result<(), Problem> {
        let Some(mut file) = self.0.take() else { return Err(lost()) };
        self.0 = Some(off(move || file.write_all(text.as_bytes()).map(|()| file)).await?);
        Ok(())
    }
}

async fn off<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let done = spawn_blocking(work).await.map_err(io::Error::other).flatten();
    done.map_err(|error| {
        tracing::error!(%error, "an export cannot be written");
        Problem::internal()
    })
}

/// That it was tried again after it had failed.
fn lost() -> Problem {
    Problem::internal()
}
