//! Faults are known at the first byte that proves them (6455-5.2-17, 6455-5.2-18, 6455-8.1-02,
//! 6455-8.1-03): each prefix fails at its last byte, and one byte shorter it does not.

use stickler::proto::violation::Violation::{self, *};

use crate::table::run_early;

pub(crate) const ROWS: &[(&str, &str, Violation)] = &[
    ("6455-5.2-17", "c1", ReservedBit),
    ("6455-5.2-17", "90", ReservedBit),
    ("6455-5.2-04", "81 81 00000000 61 a9", ReservedBit),
    ("6455-5.2-17", "83", ReservedOpcode),
    ("6455-5.2-17", "0f", ReservedOpcode),
    ("6455-5.2-17", "01 81 00000000 61 8b", ReservedOpcode),
    ("6455-5.4-04", "09", ControlFragmented),
    ("6455-5.4-04", "01 80 00000000 08", ControlFragmented),
    ("6455-5.4-05", "80", NothingToContinue),
    ("6455-5.4-05", "00", NothingToContinue),
    ("6455-5.4-06", "01 80 00000000 81", MessageUnfinished),
    ("6455-5.4-06", "02 81 00000000 00 02", MessageUnfinished),
    ("6455-5.1-01", "81 05", UnmaskedFrame),
    ("6455-5.1-01", "82 00", UnmaskedFrame),
    ("6455-5.1-03", "89 00", UnmaskedFrame),
    ("6455-5.1-01", "81 7f", UnmaskedFrame),
    ("6455-5.5-01", "89 fe", ControlTooLong),
    ("6455-5.5-03", "8a ff", ControlTooLong),
    ("6455-5.5.1-07", "88 fe", ControlTooLong),
    ("6455-5.2-11", "82 fe 0000", LengthNotMinimal),
    ("6455-5.2-11", "82 fe 007d", LengthNotMinimal),
    ("6455-5.2-12", "82 ff 000000000000", LengthNotMinimal),
    ("6455-5.2-13", "82 ff 80", LengthHighBit),
    ("6455-5.2-13", "81 ff ff", LengthHighBit),
    ("6455-5.5.1-02", "88 81", CloseBodyTooShort),
    ("6455-5.5.1-04", "88 82 00000000 00", CloseCodeNotAllowed),
    ("6455-5.5.1-04", "88 82 00000000 04", CloseCodeNotAllowed),
    ("6455-5.5.1-04", "88 82 00000000 14", CloseCodeNotAllowed),
    ("6455-5.5.1-04", "88 82 00000000 03ed", CloseCodeNotAllowed),
    ("6455-5.5.1-04", "88 8a 00000000 03e7", CloseCodeNotAllowed),
    ("6455-5.5.1-05", "88 8a 00000000 03e8 ff", CloseReasonNotUtf8),
    ("6455-5.5.1-05", "88 8a 00000000 03e8 61 eda0", CloseReasonNotUtf8),
    ("6455-5.5.1-06", "88 84 00000000 03e8 e282", CloseReasonNotUtf8),
    ("6455-8.1-03", "81 94 00000000 61*12 ff", TextNotUtf8),
    ("6455-8.1-03", "81 ff 00000000000fffff 00000000 61*20 ff", TextNotUtf8),
    ("6455-8.1-03", "81 85 37fa213d 7f9fde", TextNotUtf8),
    ("6455-8.1-02", "01 81 00000000 61 00 83 00000000 ff", TextNotUtf8),
    ("6455-8.1-02", "01 82 00000000 e282 00 83 00000000 61", TextNotUtf8),
    ("6455-8.1-04", "01 82 00000000 e282 89 80 00000000 00 83 00000000 c3", TextNotUtf8),
    ("6455-5.6-03", "81 82 00000000 e282", TextNotUtf8),
    ("6455-5.6-03", "01 82 00000000 e282 80 80 00000000", TextNotUtf8),
    // RFC 3629 §4: the second byte may condemn the first.
    ("3629-4-01", "81 94 00000000 e080", TextNotUtf8),
    ("3629-4-01", "81 94 00000000 e09f", TextNotUtf8),
    ("3629-4-01", "81 94 00000000 eda0", TextNotUtf8),
    ("3629-4-01", "81 94 00000000 f080", TextNotUtf8),
    ("3629-4-01", "81 94 00000000 f08f", TextNotUtf8),
    ("3629-4-01", "81 94 00000000 f490", TextNotUtf8),
    ("3629-3-08", "81 94 00000000 c0", TextNotUtf8),
    ("3629-3-08", "81 94 00000000 f5", TextNotUtf8),
    ("3629-3-06", "81 94 00000000 80", TextNotUtf8),
    ("3629-3-07", "81 94 00000000 f09f9861", TextNotUtf8),
    ("3629-3-07", "81 94 00000000 e228", TextNotUtf8),
];

#[test]
fn s5_2_faults_are_known_at_the_first_byte_that_proves_them() {
    run_early(ROWS);
}
