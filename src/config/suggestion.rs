//! "Did you mean": the nearest of the names that would have been right.

/// The candidate that `word` is most likely a slip of the finger for, or none if all are too far.
///
/// Case is ignored. Up to two edits count as a slip, one in words of three letters or fewer; in long words one edit
/// for every four letters. Of equally near candidates the first wins.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    let allowed = if letters <= 3 { 1 } else { (letters / 4).max(2) };
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_candidate_is_suggested_and_distant_ones_are_not() {
        let keys = ["address", "ticker_interval", "percent_threshold", "net"];
        assert_eq!(suggest("adress", keys), Some("address"));
        assert_eq!(suggest("TickerIntervall", keys), Some("ticker_interval"));
        assert_eq!(suggest("nte", keys), Some("net"));
        assert_eq!(suggest("xyz", keys), None);
        assert_eq!(suggest("password", keys), None);
    }
}
