//! Families of metrics as OpenMetrics has them: a name, a unit, a sentence, and a series for each value of a label.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelValue, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use stickler::Histogram;

/// Where families are written to, one after the other.
pub(super) struct Families<'e>(pub(super) DescriptorEncoder<'e>);

/// What is said of a family: its name without prefix, unit and suffix; its unit; a sentence.
pub(super) type About = (&'static str, Option<Unit>, &'static str);

impl Families<'_> {
    /// A number that only grows.
    pub(super) fn counter(&mut self, about: About, value: impl EncodeCounterValue) -> fmt::Result {
        let (name, unit, help) = about;
        self.0
            .encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// The same for each value of these labels.
    pub(super) fn counters<V: EncodeLabelValue, const N: usize>(
        &mut self,
        about: About,
        labels: [&'static str; N],
        series: impl IntoIterator<Item = ([V; N], u64)>,
    ) -> fmt::Result {
        let (name, unit, help) = about;
        let mut family =
            self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        for (values, value) in series {
            let set: Vec<_> = labels.into_iter().zip(values).collect();
            family.encode_family(&set)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    /// A number of now.
    pub(super) fn gauge(&mut self, about: About, value: impl EncodeGaugeValue) -> fmt::Result {
        let (name, unit, help) = about;
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
        family.encode_gauge(&value)
    }

    /// Times, by their length.
    pub(super) fn histogram(&mut self, about: About, times: &Histogram) -> fmt::Result {
        let (name, unit, help) = about;
        let bounds = times.bounds.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let mut buckets: Vec<_> = bounds.zip(times.counts.iter().copied()).collect();
        if buckets.is_empty() {
            // There is always one (of a server that has not started).
            buckets.push((f64::INFINITY, 0));
        }
        let mut family =
            self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Histogram)?;
        // Their sum, as counts may change while they are read.
        let count = buckets.iter().map(|(_, count)| count).sum();
        family.encode_histogram::<NoLabelSet>(times.sum.as_secs_f64(), count, &buckets, None)
    }

    /// What the program is, in labels.
    pub(super) fn info(&mut self, about: About, labels: [(&'static str, &str); 1]) -> fmt::Result {
        let (name, unit, help) = about;
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Info)?;
        family.encode_info(&labels)
    }
}
