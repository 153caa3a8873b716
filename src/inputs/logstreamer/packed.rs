//! Reads content at an offset, uncompressed where the file is compressed.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

/// An open log file.
pub(super) struct LogFile {
    file: Arc<File>,
    gzip: Option<Gzip>,
    /// One of those that may be open at once.
    _one: Arc<()>,
}

struct Gzip {
    reader: Option<MultiGzDecoder<BufReader<At>>>,
    /// Bytes of content that the reader gave.
    offset: u64,
    /// The size of the file when it ended too early: it may be in the making.
    torn: Option<u64>,
}

/// The bytes of a file from an offset on; the file is shared, its own offset is not used.
struct At {
    file: Arc<File>,
    offset: u64,
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl LogFile {
    /// Looks at what kind of file it is; `named_gz` says that its name ends in `.gz`.
    ///
    /// # Errors
    /// What the system says; `InvalidData` if it is compressed in another way.
    pub(super) fn new(file: File, named_gz: bool, one: Arc<()>) -> io::Result<LogFile> {
        let mut magic = [0; 6];
        let length = file.read_at(&mut magic, 0)?;
        let magic = &magic[..length];
        if let Some((_, what)) = OTHERS.iter().find(|(other, _)| magic.starts_with(other)) {
            let message = format!("it is compressed by {what}, and only gzip is read");
            return Err(io::Error::new(ErrorKind::InvalidData, message));
        }
        let is_gzip = magic.starts_with(GZIP) || length < GZIP.len() && named_gz;
        let gzip = is_gzip.then_some(Gzip { reader: None, offset: 0, torn: None });
        Ok(LogFile { file: Arc::new(file), gzip, _one: one })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn is_packed(&self) -> bool {
        self.gzip.is_some()
    }

    /// Whether what was read last ended before its compression did.
    pub(super) fn is_cut(&self) -> bool {
        self.gzip.as_ref().is_some_and(|gzip| gzip.torn.is_some())
    }

    /// Reads content at `offset`; 0 at the end, for now.
    ///
    /// # Errors
    /// What the system says; `InvalidData` for damaged compression.
    pub(super) fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.gzip {
            None => self.file.read_at(into, offset),
            Some(gzip) => gzip.read(&self.file, offset, into),
        }
    }
}

impl Gzip {
    fn read(&mut self, file: &Arc<File>, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if let Some(size) = self.torn {
            if file.metadata()?.len() == size {
                return Ok(0);
            }
            (self.torn, self.reader) = (None, None);
        }
        if self.offset > offset {
            self.reader = None;
        }
        if self.reader.is_none() {
            let at = At { file: Arc::clone(file), offset: 0 };
            self.reader = Some(MultiGzDecoder::new(BufReader::with_capacity(BLOCK, at)));
            self.offset = 0;
        }
        let mut skipped = [0; 8 << 10];
        loop {
            let rest = offset - self.offset;
            let buffer = match rest {
                0 => &mut *into,
                rest => &mut skipped[..rest.min(8 << 10) as usize],
            };
            let Some(reader) = &mut self.reader else { return Ok(0) };
            match reader.read(buffer) {
                Ok(read) => {
                    self.offset += read as u64;
                    if rest == 0 || read == 0 {
                        return Ok(read);
                    }
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.torn = Some(file.metadata()?.len());
                    return Ok(0);
                }
                Err(error) if error.raw_os_error().is_none() => {
                    self.reader = None;
                    return Err(io::Error::new(ErrorKind::InvalidData, error));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

const GZIP: &[u8] = &[0x1f, 0x8b];

/// Bytes of a compressed file that are read at once.
const BLOCK: usize = 64 << 10;

/// How files begin that are compressed in other ways.
const OTHERS: [(&[u8], &str); 4] = [
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (b"BZh", "bzip2"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
];

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn member(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn opened(bytes: &[u8]) -> io::Result<LogFile> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        LogFile::new(file, false, Arc::default())
    }

    #[test]
    fn members_follow_each_other_and_any_offset_can_be_read() {
        let text: Vec<u8> = (0..30_000u32).flat_map(|number| format!("{number}\n").into_bytes()).collect();
        let third = text.len() / 3;
        let mut file =
            opened(&[member(&text[..third]), member(b""), member(&text[third..])].concat()).unwrap();
        let mut buffer = vec![0; 1000];
        for offset in [0, 5, third - 10, third, 100, text.len() - 1] {
            let mut read = 0;
            while read < 10.min(text.len() - offset) {
                read += file.read((offset + read) as u64, &mut buffer[read..]).unwrap();
            }
            assert_eq!(buffer[..read], text[offset..offset + read], "{offset}");
        }
        assert_eq!(file.read(text.len() as u64, &mut buffer).unwrap(), 0);
    }

    #[test]
    fn a_file_in_the_making_is_read_on_when_it_has_grown() {
        let packed = member(&[b'x'; 100_000]);
        let mut file = opened(&packed[..packed.len() - 20]).unwrap();
        let (mut buffer, mut offset) = (vec![0; 50_000], 0);
        for _ in 0..10 {
            offset += file.read(offset, &mut buffer).unwrap() as u64;
        }
        assert!(file.is_packed() && file.is_cut() && offset < 100_000);
        let mut shared = file.file();
        shared.write_all(&packed[packed.len() - 20..]).unwrap();
        for _ in 0..10 {
            offset += file.read(offset, &mut buffer).unwrap() as u64;
        }
        assert_eq!((offset, file.is_cut()), (100_000, false));
    }

    #[test]
    fn damage_and_other_compressions_are_errors() {
        let mut packed = member(&[b'x'; 1000]);
        packed[12] ^= 0xff;
        let mut file = opened(&packed).unwrap();
        let mut buffer = [0; 2000];
        let error = (0..5).find_map(|_| file.read(0, &mut buffer).err()).expect("it is damaged");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let error = opened(b"BZh91AY").err().expect("it is not read");
        assert_eq!(error.to_string(), "it is compressed by bzip2, and only gzip is read");
    }
}
