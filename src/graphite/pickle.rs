//! Graphite's pickle protocol: points in Python's serialisation, so many after their length.
//!
//! `[(path, (stamp, value)), …]` in pickle protocol 2, four bytes of length before it, the high one first:
//! <https://graphite.readthedocs.io/en/latest/feeding-carbon.html#the-pickle-protocol>. Carbon refuses what is longer than
//! 1 MiB, so a flush is several of them. The opcodes are those of CPython's `pickletools`.

use super::parse::parse_line;

/// Appends the points of `lines`, which are Graphite lines, to `out`. What is no such line is left out.
pub fn write_pickles(lines: &[u8], out: &mut Vec<u8>) {
    let mut points = lines.split(|&byte| byte == b'\n').filter_map(|line| parse_line(line).ok()).peekable();
    while points.peek().is_some() {
        let start = out.len();
        out.extend_from_slice(&[0; LENGTH]);
        out.extend_from_slice(b"\x80\x02](");
        for point in points.by_ref() {
            push_text(out, point.path);
            push_integer(out, point.stamp);
            out.push(b'G');
            out.extend_from_slice(&point.value.to_be_bytes());
            out.extend_from_slice(b"\x86\x86");
            if out.len() - start >= ENOUGH {
                break;
            }
        }
        out.extend_from_slice(b"e.");
        let length = (out.len() - start - LENGTH) as u32;
        out[start..start + LENGTH].copy_from_slice(&length.to_be_bytes());
    }
}

fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend_from_slice(&(text.len() as u32).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Four bytes where it fits, else a long of eight.
fn push_integer(out: &mut Vec<u8>, value: i64) {
    match i32::try_from(value) {
        Ok(value) => {
            out.push(b'J');
            out.extend_from_slice(&value.to_le_bytes());
        }
        Err(_) => {
            out.extend_from_slice(b"\x8a\x08");
            out.extend_from_slice(&value.to_le_bytes());
        }
    }
}

const LENGTH: usize = size_of::<u32>();

/// Bytes after which the next pickle begins. A path has 64 KiB at most, so none comes near carbon's limit.
const ENOUGH: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn pickled(lines: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write_pickles(lines.as_bytes(), &mut out);
        out
    }

    #[test]
    fn points_are_what_python_writes_for_them() {
        // struct.pack("!L", len(p)) + p, of p = pickle.dumps([("a.b;k=v", (1700000000, 1.5))], 2), memos aside.
        let expected =
            b"\0\0\0\x22\x80\x02](X\x07\0\0\0a.b;k=vJ\0\xf1\x53\x65G\x3f\xf8\0\0\0\0\0\0\x86\x86e.";
        assert_eq!(
            pickled("a.b;k=v 1.5 1700000000\n").escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
        let late = pickled("a 1 5000000000\n");
        assert!(late.windows(10).any(|bytes| bytes == b"\x8a\x08\x00\xf2\x05\x2a\x01\0\0\0"));
        assert_eq!(pickled(""), b"");
    }

    #[test]
    fn many_points_are_several_pickles_each_with_its_length() {
        let lines: String =
            (0..10_000).map(|number| format!("stats.counters.name{number}.rate 1 1700000000\n")).collect();
        let out = pickled(&lines);
        let (mut rest, mut pickles) = (&out[..], 0);
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            assert!(length < 1 << 20 && after[..length].ends_with(b"e."));
            (rest, pickles) = (&after[length..], pickles + 1);
        }
        assert!(rest.is_empty() && pickles > 3, "{pickles}");
    }
}
