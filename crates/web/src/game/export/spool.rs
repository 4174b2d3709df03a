//! A zip in an unnamed temporary file. Compression and I/O run on blocking threads.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::task::spawn_blocking;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::problem::Problem;

/// Bytes of one piece of the response.
const PIECE: usize = 1 << 16;

pub(super) struct Spool(Option<Box<ZipWriter<File>>>);

/// Text that is collected separately and appended later.
pub(super) struct ScratchFile(Option<File>);

impl Spool {
    pub(super) async fn open() -> Result<Self, Problem> {
        let file = blocking(tempfile::tempfile).await?;
        Ok(Self(Some(Box::new(ZipWriter::new(file)))))
    }

    /// Starts the next file of the zip.
    pub(super) async fn begin(&mut self, name: &'static str) -> Result<(), Problem> {
        self.with(move |zip| Ok(zip.start_file(name, SimpleFileOptions::default())?)).await
    }

    /// Appends to that file.
    pub(super) async fn write(&mut self, text: impl Into<String>) -> Result<(), Problem> {
        let text = text.into();
        self.with(move |zip| zip.write_all(text.as_bytes())).await
    }

    pub(super) async fn scratch_file(&self) -> Result<ScratchFile, Problem> {
        Ok(ScratchFile(Some(blocking(tempfile::tempfile).await?)))
    }

    pub(super) async fn append(&mut self, mut scratch: ScratchFile) -> Result<(), Problem> {
        let Some(mut file) = scratch.0.take() else { return Err(Problem::internal()) };
        self.with(move |zip| {
            file.seek(SeekFrom::Start(0))?;
            io::copy(&mut file, zip).map(|_| ())
        })
        .await
    }

    /// Completes the zip; its length in bytes, and its content.
    pub(super) async fn finish(
        mut self,
    ) -> Result<(u64, impl Stream<Item = io::Result<Bytes>> + Send + use<>), Problem> {
        let Some(zip) = self.0.take() else { return Err(Problem::internal()) };
        let (length, file) = blocking(move || {
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
        Ok((length, pieces))
    }

    async fn with(
        &mut self,
        work: impl FnOnce(&mut ZipWriter<File>) -> io::Result<()> + Send + 'static,
    ) -> Result<(), Problem> {
        let Some(mut zip) = self.0.take() else { return Err(Problem::internal()) };
        let zip = blocking(move || work(&mut zip).map(|()| zip)).await?;
        self.0 = Some(zip);
        Ok(())
    }
}

impl ScratchFile {
    pub(super) async fn write(&mut self, text: String) -> Result<(), Problem> {
        let Some(mut file) = self.0.take() else { return Err(Problem::internal()) };
        self.0 = Some(blocking(move || file.write_all(text.as_bytes()).map(|()| file)).await?);
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let done = spawn_blocking(work).await.map_err(io::Error::other).flatten();
    done.map_err(|error| {
        tracing::error!(%error, "writing an export failed; check the space for temporary files");
        Problem::internal()
    })
}
