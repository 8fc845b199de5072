//! Families of metrics as OpenMetrics has them: a name, a unit, a sentence, and a series for each value of a label.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

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
    pub(super) fn counters<'l, const N: usize>(
        &mut self,
        about: About,
        labels: [&'static str; N],
        series: impl IntoIterator<Item = ([&'l str; N], u64)>,
    ) -> fmt::Result {
        let (name, unit, help) = about;
        let mut family =
            self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
        for (values, value) in series {
            let set = label_set(labels, values);
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

    /// What the program is, in labels.
    pub(super) fn info(&mut self, about: About, labels: [(&'static str, &str); 1]) -> fmt::Result {
        let (name, unit, help) = about;
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), MetricType::Info)?;
        family.encode_info(&labels)
    }
}

fn label_set<'l, const N: usize>(
    labels: [&'static str; N],
    values: [&'l str; N],
) -> Vec<(&'static str, &'l str)> {
    labels.into_iter().zip(values).collect()
}
