//! The metrics of notification.

use domain::{MetricFamily, MetricLabel};

use crate::config::CHANNEL_NAMES;
use crate::delivery::RESULTS;

const CHANNEL: MetricLabel = MetricLabel::known("channel", || CHANNEL_NAMES.to_vec());
const RESULT: MetricLabel = MetricLabel::known("result", || RESULTS.to_vec());

/// Every family of this crate.
pub static METRIC_FAMILIES: &[MetricFamily] = &[MetricFamily::counter(
    "openbell_notifications_total",
    "Notifications to operators by channel and result of an attempt to deliver them.",
)
.by(&[CHANNEL, RESULT])];
