//! Which distributions are histograms, and of which kinds: by globs of their statsd names.

use std::sync::{Arc, LazyLock};

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::exponential::{COARSEST, FINEST};
use super::number::label_number;

/// The rules of one endpoint.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    globs: GlobSet,
    /// Of each glob.
    buckets: Vec<Arc<Bounds>>,
    native: GlobSet,
    native_rules: NativeRules,
}

/// How fine native histograms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NativeRules {
    /// 2^schema buckets from a power of two to the next, until there are too many.
    pub(super) schema: i8,
    /// Most buckets of a histogram, those below zero included.
    pub(super) most: usize,
}

impl NativeRules {
    /// Buckets whose bound is at most `factor` times the bound before, as far as there are not more than `most`.
    ///
    /// # Errors
    /// If the factor is finer than any buckets here or coarser than those that Prometheus takes, or `most` is not from 4
    /// to 1000.
    pub fn new(factor: f64, most: u32) -> Result<NativeRules, ShapeError> {
        let schema = (COARSEST..=FINEST).find(|&schema| (-f64::from(schema)).exp2().exp2() <= factor);
        let coarsest = (-f64::from(COARSEST)).exp2().exp2();
        let schema = schema.filter(|_| factor <= coarsest).ok_or(ShapeError::Factor)?;
        match most {
            4..=1000 => Ok(NativeRules { schema, most: most as usize }),
            _ => Err(ShapeError::NativeBuckets),
        }
    }
}

impl Default for NativeRules {
    fn default() -> NativeRules {
        NativeRules { schema: FINEST, most: 160 }
    }
}

/// Upper bounds of classic buckets, without the infinite one, and their labels with it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Bounds {
    pub(super) values: Box<[f64]>,
    /// The values of `le`; the last is `+Inf`.
    pub(super) labels: Box<[Box<str>]>,
}

/// How a distribution is exposed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shape {
    /// As a classic histogram with these buckets, instead of a summary.
    pub(super) buckets: Option<Arc<Bounds>>,
    /// In protobuf as a native histogram.
    pub(super) native: Option<NativeRules>,
}

/// Why there are no such rules.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ShapeError {
    /// A glob is malformed.
    #[error("the pattern does not compile: {0}")]
    Glob(globset::ErrorKind),
    /// There are no bounds, or too many of them.
    #[error("{0} bounds; there may be 1 to {MOST_BOUNDS}")]
    Count(usize),
    /// A bound is not above the one before it.
    #[error("{bound} is not above {before}")]
    Order {
        /// The bound.
        bound: f64,
        /// The one before it.
        before: f64,
    },
    /// A bound is no finite number.
    #[error("{0} is no bound; the infinite one is there by itself")]
    Infinite(f64),
    /// No buckets are so fine, or so coarse.
    #[error("must be from 1.022 to 65536")]
    Factor,
    /// So many native buckets cannot be kept, or so few.
    #[error("must be from 4 to 1000")]
    NativeBuckets,
}

impl Shapes {
    /// Histograms with `buckets` by the first glob that matches, native ones where one of `native` does. A `*` also
    /// matches dots.
    ///
    /// # Errors
    /// The first of the mistakes.
    pub fn new<'a>(
        buckets: impl IntoIterator<Item = (&'a str, &'a [f64])>,
        native: impl IntoIterator<Item = &'a str>,
    ) -> Result<Shapes, ShapeError> {
        let (mut globs, mut bounds) = (GlobSetBuilder::new(), Vec::new());
        for (pattern, values) in buckets {
            globs.add(glob(pattern)?);
            bounds.push(Arc::new(Bounds::new(values)?));
        }
        let mut natives = GlobSetBuilder::new();
        for pattern in native {
            natives.add(glob(pattern)?);
        }
        let built = |set: GlobSetBuilder| set.build().map_err(|error| ShapeError::Glob(error.kind().clone()));
        let (globs, native) = (built(globs)?, built(natives)?);
        Ok(Shapes { globs, buckets: bounds, native, native_rules: NativeRules::default() })
    }

    /// The same, with native histograms as fine as these rules say.
    #[must_use]
    pub fn as_fine_as(self, native_rules: NativeRules) -> Shapes {
        Shapes { native_rules, ..self }
    }

    /// How the distribution of that statsd name is exposed.
    pub(super) fn of(&self, name: &str) -> Shape {
        let first = self.globs.matches(name).into_iter().min();
        Shape {
            buckets: first.map(|first| Arc::clone(&self.buckets[first])),
            native: self.native.is_match(name).then_some(self.native_rules),
        }
    }
}

impl Bounds {
    /// Bounds of those values.
    ///
    /// # Errors
    /// If they do not ascend, or are too few, too many or not finite.
    pub(super) fn new(values: &[f64]) -> Result<Bounds, ShapeError> {
        if values.is_empty() || values.len() > MOST_BOUNDS {
            return Err(ShapeError::Count(values.len()));
        }
        if let Some(&bound) = values.iter().find(|bound| !bound.is_finite()) {
            return Err(ShapeError::Infinite(bound));
        }
        if let Some(pair) = values.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(ShapeError::Order { bound: pair[1], before: pair[0] });
        }
        let labels = values.iter().copied().chain([f64::INFINITY]).map(|bound| label_number(bound).into());
        Ok(Bounds { values: values.into(), labels: labels.collect() })
    }

    /// Those that clients of Prometheus have where none are named, made for seconds.
    pub(super) fn usual() -> Arc<Bounds> {
        static USUAL: LazyLock<Arc<Bounds>> = LazyLock::new(|| {
            let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
            Arc::new(Bounds::new(&bounds).expect("they ascend"))
        });
        Arc::clone(&USUAL)
    }

    /// Whether OpenMetrics allows no sum, because a bound says that values may be negative.
    pub(super) fn are_negative(&self) -> bool {
        self.values.first().is_some_and(|&first| first < 0.0)
    }
}

fn glob(pattern: &str) -> Result<Glob, ShapeError> {
    Glob::new(pattern).map_err(|error| ShapeError::Glob(error.kind().clone()))
}

/// Buckets a histogram may have, the infinite one aside.
const MOST_BOUNDS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_glob_that_matches_has_the_buckets() {
        let rules: [(&str, &[f64]); 3] = [("api.*.db", &[1.0]), ("api.*", &[2.0, 3.0]), ("*.db", &[4.0])];
        let shapes = Shapes::new(rules, ["*.db"]).unwrap();
        let found = |name: &str| {
            let shape = shapes.of(name);
            (shape.buckets.map(|bounds| bounds.values.to_vec()), shape.native.is_some())
        };
        assert_eq!(found("api.x.y.db"), (Some(vec![1.0]), true));
        assert_eq!(found("api.x"), (Some(vec![2.0, 3.0]), false));
        assert_eq!(found("x.db"), (Some(vec![4.0]), true));
        assert_eq!(found("x"), (None, false));
        assert_eq!(&*shapes.of("api.x").buckets.unwrap().labels, ["2.0".into(), "3.0".into(), "+Inf".into()]);
    }

    #[test]
    fn what_are_no_bounds_is_refused_with_its_reason() {
        let error = |bounds: &[f64]| Shapes::new([("*", bounds)], []).unwrap_err().to_string();
        assert_eq!(error(&[]), "0 bounds; there may be 1 to 200");
        assert_eq!(error(&[1.0, 3.0, 3.0]), "3 is not above 3");
        assert_eq!(error(&[1.0, f64::INFINITY]), "inf is no bound; the infinite one is there by itself");
        let error = Shapes::new([], ["a[b"]).unwrap_err().to_string();
        assert!(error.starts_with("the pattern does not compile: "), "{error}");
    }

    #[test]
    fn a_factor_is_the_coarsest_schema_within_it_as_in_the_clients_of_prometheus() {
        let schema = |factor: f64| NativeRules::new(factor, 160).map(|rules| rules.schema);
        let table = [(65_536.0, -4), (2.0, 0), (1.9, 1), (1.1, 3), (1.05, 4), (1.03, 5), (1.022, 5)];
        for (factor, expected) in table {
            assert_eq!(schema(factor), Ok(expected), "{factor}");
        }
        for factor in [f64::NAN, 1.02, 1.0, 65_537.0, f64::INFINITY] {
            assert_eq!(schema(factor).unwrap_err().to_string(), "must be from 1.022 to 65536");
        }
        assert_eq!(NativeRules::new(1.1, 3).unwrap_err().to_string(), "must be from 4 to 1000");
    }
}
