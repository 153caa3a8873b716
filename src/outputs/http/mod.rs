//! `HttpOutput`: sends what its encoder writes as HTTP requests.
//!
//! A request is what the runner gathered: one record, or a batch. It has arrived when the server says so (2xx). Where the
//! server may take it later (408, 425, 429, 5xx), or cannot be reached, the runner sends it again, not before the time
//! that `Retry-After` asks for; so a request may arrive twice, where its answer is lost. What the server refuses for good
//! is lost, counted by status, and logged with the beginning of what it said. Redirects are not followed.

mod answer;
mod options;

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;

pub use options::{Config, Joining, Method};

use crate::flow::OwnMetrics;
use crate::net::{HttpClient, World};
use crate::plugin::{
    BuildContext, BuildError, Declare, Endpoint, Fault, Frames, Gathering, LocalFuture, Outcome, Outgoing,
    Output, Protocol,
};
use answer::Verdict;

impl Declare<dyn Output> for Config {
    const TYPE: &'static str = "HttpOutput";
    const SUMMARY: &'static str = "Sends what its encoder writes as HTTP requests, one by one or in batches.";

    fn takes_encoder(&self) -> bool {
        true
    }

    fn sends_to(&self) -> Vec<Endpoint> {
        // An address that is wrong was said to be by `check`.
        let place = self.place().into_iter();
        place.map(|place| Endpoint::new(Protocol::Tcp, &place.address, "address")).collect()
    }

    fn gathers(&self) -> Option<Gathering> {
        Some(Gathering {
            records: self.batch_count as usize,
            bytes: self.batch_bytes.length(),
            wait: self.flush_interval.0,
        })
    }

    fn build(&self, context: &BuildContext) -> Result<Box<dyn Output>, BuildError> {
        let place = self.place().map_err(|(message, _)| BuildError::new(message))?;
        let header = self.header(&place).map_err(|(name, what)| BuildError::new(format!("{name} {what}")))?;
        let (host, port) = (place.address.host(), place.address.port());
        let mut request = http::Request::new(Bytes::new());
        *request.method_mut() = self.method.http();
        *request.uri_mut() = place.path.parse().map_err(|error| BuildError::new(format!("{error}")))?;
        *request.headers_mut() = header;
        let world = context.shared.the::<World>();
        let tls = place.is_secure.then(|| world.tls(&self.tls, context.clock.now())).transpose()?;
        let output = HttpOutput {
            client: HttpClient::new(world, host, port, self.connect_timeout.0).over(tls),
            place: place.address.to_string(),
            within: Some(self.http_timeout.0).filter(|within| !within.is_zero()),
            request,
            joining: self.batch_as,
            own: context.own().clone(),
            name: Arc::clone(&context.name),
        };
        // What is usual is shown before it happens.
        output.count(CONNECTS, &[], 0);
        output.count(UNANSWERED, &[], 0);
        output.count(ANSWERS, &[("status", "200")], 0);
        Ok(Box::new(output))
    }
}

struct HttpOutput {
    client: HttpClient,
    /// Host and port, for people.
    place: String,
    /// How long an answer may take.
    within: Option<Duration>,
    /// Every request, but for its body.
    request: http::Request<Bytes>,
    joining: Joining,
    own: OwnMetrics,
    name: Arc<str>,
}

impl Output for HttpOutput {
    fn send<'a>(&'a mut self, out: &'a Outgoing<'a>) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            if self.request.method() != http::Method::GET {
                *self.request.body_mut() = Bytes::from(body(out.frames, self.joining));
            }
            let connects = self.client.connects();
            let answered = self.client.ask(&self.request, self.within).await;
            self.count(CONNECTS, &[], self.client.connects() - connects);
            let answer = match answered {
                Ok(answer) => answer,
                Err(error) => {
                    self.count(UNANSWERED, &[], 1);
                    return Outcome::Retry(Fault::caused(format!("cannot send to {}", self.place), error));
                }
            };
            self.count(ANSWERS, &[("status", answer.status.as_str())], 1);
            match Verdict::of(&answer, out.now) {
                Verdict::Taken => Outcome::Delivered,
                Verdict::Later { pause: None } => Outcome::Retry(answer::fault(&answer)),
                Verdict::Later { pause: Some(pause) } => {
                    Outcome::RetryAfter { why: answer::fault(&answer), pause }
                }
                Verdict::Never => Outcome::Refused(answer::fault(&answer)),
            }
        })
    }
}

impl HttpOutput {
    fn count(&self, metric: &'static str, labels: &[(&'static str, &str)], by: u64) {
        let mut all = vec![("output", &*self.name)];
        all.extend_from_slice(labels);
        self.own.counter(metric, &all).add(by);
    }
}

/// The body of a request.
fn body(frames: &Frames, joining: Joining) -> Vec<u8> {
    let mut body = Vec::with_capacity(frames.bytes.len() + frames.ends.len() + 2);
    match joining {
        Joining::Concatenated => body.extend_from_slice(&frames.bytes),
        Joining::Lines => {
            for frame in frames.iter() {
                if !body.is_empty() && !body.ends_with(b"\n") {
                    body.push(b'\n');
                }
                body.extend_from_slice(frame);
            }
        }
        Joining::JsonArray => {
            for frame in frames.iter() {
                body.push(if body.is_empty() { b'[' } else { b',' });
                body.extend_from_slice(frame.trim_ascii());
            }
            body.push(b']');
        }
    }
    body
}

const CONNECTS: &str = "hekad_http_connects_total";

const ANSWERS: &str = "hekad_http_answers_total";

const UNANSWERED: &str = "hekad_http_unanswered_total";

#[cfg(test)]
mod tests;
