//! The log of a test: every event of its thread and of work within its spans. An event at ERROR
//! that the test does not expect fails the test when its last `App` is dropped.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// The crates whose events are recorded, at every level.
const CRATES: [&str; 9] = [
    "web",
    "store",
    "trading",
    "market",
    "cluster",
    "archive",
    "leaderboard",
    "security",
    "access",
];

thread_local! {
    /// The log of the test that runs on this thread.
    static CURRENT: RefCell<Weak<TestLog>> = const { RefCell::new(Weak::new()) };
}

/// An event as it was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoggedEvent {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) message: String,
    pub(crate) fields: BTreeMap<&'static str, String>,
}

#[derive(Default)]
pub(crate) struct TestLog {
    events: Mutex<Vec<LoggedEvent>>,
    /// The values of all fields of spans.
    span_values: Mutex<Vec<String>>,
    /// Messages of events at ERROR that the test expects.
    expected: Mutex<Vec<&'static str>>,
}

impl TestLog {
    /// The log of the test on this thread, shared by all its apps.
    pub(crate) fn of_this_thread() -> Arc<Self> {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            let own = CRATES.map(|name| (name, Level::TRACE));
            let recorder = Recorder.with_filter(Targets::new().with_targets(own));
            let subscriber = tracing_subscriber::registry().with(recorder);
            // One for all threads: tracing decides once for the process whether a log statement is
            // enabled.
            tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
        });
        CURRENT.with_borrow_mut(|current| {
            current.upgrade().unwrap_or_else(|| {
                let log = Arc::<Self>::default();
                *current = Arc::downgrade(&log);
                log
            })
        })
    }

    /// The test causes an event at ERROR with this message.
    pub(crate) fn expect_error(&self, message: &'static str) {
        lock(&self.expected).push(message);
    }

    /// All events of a target so far.
    pub(crate) fn of(&self, target: &str) -> Vec<LoggedEvent> {
        lock(&self.events).iter().filter(|event| event.target == target).cloned().collect()
    }

    /// The events and values of spans that contain a text.
    pub(crate) fn containing(&self, text: &str) -> Vec<String> {
        let events: Vec<_> = lock(&self.events).iter().map(|event| format!("{event:?}")).collect();
        let all = events.into_iter().chain(lock(&self.span_values).clone());
        all.filter(|written| written.contains(text)).collect()
    }

    fn check(&self) {
        let expected = lock(&self.expected).clone();
        let events = lock(&self.events).clone();
        let errors: Vec<_> = events.iter().filter(|event| event.level == Level::ERROR).collect();
        let unexpected: Vec<_> =
            errors.iter().filter(|event| !expected.contains(&event.message.as_str())).collect();
        assert!(unexpected.is_empty(), "logged at ERROR: {unexpected:#?}");
        for message in expected {
            let is_logged = errors.iter().any(|event| event.message == message);
            assert!(is_logged, "not logged at ERROR: {message}");
        }
    }
}

impl Drop for TestLog {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records events in the log of their span, or of their thread.
struct Recorder;

/// The log of a span.
struct SpanLog(Weak<TestLog>);

impl Recorder {
    /// The log of a span that a test's thread created, or of the present thread.
    fn log_of<S>(span: Option<&Id>, context: &Context<'_, S>) -> Option<Arc<TestLog>>
    where
        S: Subscriber + for<'s> LookupSpan<'s>,
    {
        let span = span.and_then(|id| context.span(id)).or_else(|| context.lookup_current());
        let of_span =
            span.and_then(|span| span.extensions().get::<SpanLog>().map(|log| log.0.clone()));
        let of_span = of_span.and_then(|log| log.upgrade());
        of_span.or_else(|| CURRENT.with_borrow(Weak::upgrade))
    }
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(log) = Self::log_of(attributes.parent(), &context) else { return };
        let mut values = FieldValues::default();
        attributes.record(&mut values);
        lock(&log.span_values).extend(values.0.into_values());
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanLog(Arc::downgrade(&log)));
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(log) = Self::log_of(Some(id), &context) else { return };
        let mut values = FieldValues::default();
        record.record(&mut values);
        lock(&log.span_values).extend(values.0.into_values());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(log) = Self::log_of(event.parent(), &context) else { return };
        let mut values = FieldValues::default();
        event.record(&mut values);
        let metadata = event.metadata();
        lock(&log.events).push(LoggedEvent {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: values.0.remove("message").unwrap_or_default(),
            fields: values.0,
        });
    }
}

#[derive(Default)]
struct FieldValues(BTreeMap<&'static str, String>);

impl Visit for FieldValues {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
