//! Consistent hashing of names over members, point by point as the reference's proxy does it.
//!
//! A name goes to the member of the first point that is not before its hash; a member that leaves takes only its own
//! names elsewhere. The points are those of npm hashring 3.2 with the settings of statsd's `proxy.js`
//! (<https://github.com/statsd/statsd/blob/master/proxy.js>): 40 a member, each the first four bytes, read little
//! endian, of the MD5 of `host:port-I`. Tags after `|#` take no part, and nothing is sanitised before.

use md5::{Digest, Md5};

/// Points on the circle of 32-bit hashes.
///
/// ```
/// use heka::statsd::Ring;
///
/// let ring = Ring::new([(0, "127.0.0.1:8127"), (1, "127.0.0.1:8129"), (2, "127.0.0.1:8131")]);
/// assert_eq!(ring.member_of(b"gorets"), Some(0));
/// assert_eq!(ring.member_of(b"foo.bar"), Some(1));
/// assert_eq!(Ring::new([]).member_of(b"gorets"), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ring {
    /// Hash and member, by hash; where two are equal the member that was given first is first.
    points: Vec<(u32, usize)>,
}

impl Ring {
    /// A ring of these members, each with the number it is known by and its `host:port`.
    pub fn new<'a>(members: impl IntoIterator<Item = (usize, &'a str)>) -> Ring {
        let of_member = |(number, place): (usize, &'a str)| {
            (0..POINTS).map(move |point| (hash(format!("{place}-{point}").as_bytes()), number))
        };
        let mut points: Vec<(u32, usize)> = members.into_iter().flat_map(of_member).collect();
        points.sort_by_key(|(hash, _)| *hash);
        Ring { points }
    }

    /// The member that `name` goes to; none if there is no member.
    ///
    /// Bytes that are not UTF-8 are hashed as the replacement character, as the reference reads them.
    pub fn member_of(&self, name: &[u8]) -> Option<usize> {
        let hash = hash(String::from_utf8_lossy(name).as_bytes());
        let place = self.points.partition_point(|(point, _)| *point < hash);
        self.points.get(place).or(self.points.first()).map(|(_, member)| *member)
    }

    /// The points with their members, in the order of the circle.
    pub fn points(&self) -> &[(u32, usize)] {
        &self.points
    }
}

/// `gorets:1|c|#env:prod`
/// ` ^^^^^^` the name a line is routed by: all before the first `:`, the whole line if there is none.
pub fn routed_name(line: &[u8]) -> &[u8] {
    &line[..memchr::memchr(b':', line).unwrap_or(line.len())]
}

/// Where on the circle `text` lies.
fn hash(text: &[u8]) -> u32 {
    let digest = Md5::digest(text);
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// Points of a member.
const POINTS: u32 = 40;

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    /// Made with npm hashring 3.2.0 as the reference's proxy uses it.
    fn vectors(kind: &str) -> Vec<Json> {
        let all: Vec<Json> = serde_json::from_str(include_str!("../../tests/vectors/proxy.json")).unwrap();
        all.into_iter().filter(|vector| vector["kind"] == kind).collect()
    }

    fn texts(list: &Json) -> Vec<&str> {
        list.as_array().map(|list| list.iter().filter_map(Json::as_str).collect()).unwrap_or_default()
    }

    #[test]
    fn names_go_where_the_reference_sends_them() {
        let mut routed = 0;
        for vector in vectors("proxy-route") {
            let config = &vector["config"];
            let (nodes, down) = (texts(&config["nodes"]), texts(&config["down"]));
            let up = nodes.iter().copied().enumerate().filter(|(_, node)| !down.contains(node));
            let ring = Ring::new(up);
            for line in texts(&vector["datagrams"]) {
                let name = routed_name(line.as_bytes());
                let expected = &vector["expect_route"][std::str::from_utf8(name).unwrap()];
                let found = ring.member_of(name).map(|member| nodes[member]);
                assert_eq!(found, expected.as_str(), "{}: {line}", vector["id"]);
                routed += 1;
            }
        }
        assert_eq!(routed, 120);
    }

    #[test]
    fn points_and_hashes_are_those_of_the_reference() {
        let [vector] = &vectors("proxy-ring")[..] else { panic!("there is one") };
        let nodes = texts(&vector["config"]["nodes"]);
        let ring = Ring::new(nodes.iter().copied().enumerate());
        assert_eq!(ring.points().len() as u64, vector["expect_point_count"].as_u64().unwrap());
        let first = vector["expect_points_first"].as_array().unwrap();
        for (found, expected) in ring.points().iter().zip(first) {
            assert_eq!(
                (found.0.into(), nodes[found.1]),
                (expected[0].as_u64().unwrap(), expected[1].as_str().unwrap())
            );
        }
        for (name, expected) in vector["expect_key_hash"].as_object().unwrap() {
            assert_eq!(u64::from(hash(name.as_bytes())), expected.as_u64().unwrap(), "{name:?}");
        }
    }

    #[test]
    fn a_name_ends_at_the_first_colon() {
        assert_eq!(routed_name(b"a.b:1|c|#x:y"), b"a.b");
        assert_eq!(routed_name(b"nocolon"), b"nocolon");
        assert_eq!(routed_name(b":1|c"), b"");
    }

    #[test]
    fn a_member_that_leaves_takes_only_its_own_names_elsewhere() {
        let members = [(0, "a:1"), (1, "b:1"), (2, "c:1")];
        let (all, two) = (Ring::new(members), Ring::new([members[0], members[2]]));
        let mut moved = 0;
        for number in 0..1_000 {
            let name = format!("name.{number}");
            let (before, after) = (all.member_of(name.as_bytes()), two.member_of(name.as_bytes()));
            if before == Some(1) {
                moved += 1;
            } else {
                assert_eq!(before, after, "{name}");
            }
            assert_ne!(after, Some(1));
        }
        assert!((200..500).contains(&moved), "{moved} of 1,000 names were with the member that left");
    }

    #[test]
    fn bytes_that_are_no_text_are_hashed_as_the_reference_reads_them() {
        assert_eq!(hash(String::from_utf8_lossy(b"a\xff").as_bytes()), hash("a\u{fffd}".as_bytes()));
        let ring = Ring::new([(7, "a:1"), (8, "b:1")]);
        assert_eq!(ring.member_of(b"a\xff"), ring.member_of("a\u{fffd}".as_bytes()));
    }
}
