//! Where a line comes from, as DogStatsD's clients say it: the container and external data, sections of their own.
//!
//! `a:1|c|#k:v|c:ci-0123|e:it-false,cn-web,pu-42`: <https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/>.

use super::Rules;

/// The tags that origins are kept under, and room for a tag section with them.
#[derive(Debug)]
pub(super) struct Origins {
    container_tag: String,
    external_data_tag: String,
    tags: Vec<u8>,
}

impl Origins {
    /// None if the rules keep no origin: then lines are read without looking for one.
    pub(super) fn kept_by(rules: &Rules) -> Option<Origins> {
        let (container_tag, external_data_tag) =
            (rules.container_tag.clone(), rules.external_data_tag.clone());
        let any = !container_tag.is_empty() || !external_data_tag.is_empty();
        any.then_some(Origins { container_tag, external_data_tag, tags: Vec::new() })
    }

    /// The tag section of `line` with its origin added. The same for the same bytes, so that it can be remembered.
    pub(super) fn tags(&mut self, tags: &[u8], line: &[u8]) -> &[u8] {
        self.tags.clear();
        self.tags.extend_from_slice(tags);
        // The first field is the name and its values, the second the type: in `a:1|c:320|ms` no container is meant.
        for section in line.split(|&byte| byte == b'|').skip(2) {
            match section {
                [b'c', b':', container @ ..] => push(&mut self.tags, &self.container_tag, container),
                [b'e', b':', external @ ..] => push(&mut self.tags, &self.external_data_tag, external),
                _ => {}
            }
        }
        &self.tags
    }
}

fn push(tags: &mut Vec<u8>, key: &str, value: &[u8]) {
    let value = value.trim_ascii_end();
    if key.is_empty() || value.is_empty() {
        return;
    }
    if !tags.is_empty() {
        tags.push(b',');
    }
    tags.extend_from_slice(key.as_bytes());
    tags.push(b':');
    // A comma would begin another tag.
    tags.extend(value.iter().map(|&byte| if byte == b',' { b'_' } else { byte }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(line: &str, tags: &str) -> String {
        let rules =
            Rules { container_tag: "cid".into(), external_data_tag: "ext".into(), ..Rules::default() };
        let mut origins = Origins::kept_by(&rules).unwrap();
        String::from_utf8(origins.tags(tags.as_bytes(), line.as_bytes()).to_vec()).unwrap()
    }

    #[test]
    fn container_and_external_data_become_tags_behind_those_of_the_line() {
        assert_eq!(tags("a:1|c|#k:v|c:ci-1|e:it-false,cn-web", "k:v"), "k:v,cid:ci-1,ext:it-false_cn-web");
        assert_eq!(tags("a:1|ms|@0.5|c:ci-1\r", ""), "cid:ci-1");
        assert_eq!(tags("a:1|c|c:|e:", "k"), "k");
    }

    #[test]
    fn a_packed_type_is_no_container_and_rules_without_tags_keep_nothing() {
        assert_eq!(tags("a:1|c:320|ms", ""), "");
        assert!(Origins::kept_by(&Rules::default()).is_none());
    }
}
