//! What goes into a file comes out as it was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use crate::clock::{self, Unit};
use crate::types::{Clock, Columns};
use crate::{Type, read_table, write_table};

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![Just(Unit::Milli), Just(Unit::Micro), Just(Unit::Nano)]
}

fn leaf() -> impl Strategy<Value = Type> {
    prop_oneof![
        Just(Type::Boolean),
        (prop_oneof![Just(8_u8), Just(16), Just(32), Just(64)], any::<bool>())
            .prop_map(|(bits, signed)| Type::Integer { bits, signed }),
        Just(Type::Float(32)),
        Just(Type::Float(64)),
        (1..=76_u8).prop_flat_map(|precision| {
            (0..=precision as i8).prop_map(move |scale| Type::Decimal { precision, scale })
        }),
        Just(Type::Text),
        Just(Type::Bytes(None)),
        (1..20_u32).prop_map(|width| Type::Bytes(Some(width))),
        Just(Type::Date),
        unit().prop_map(|unit| Type::Time(Clock(unit))),
        (unit(), any::<bool>()).prop_map(|(unit, zoned)| Type::Timestamp {
            clock: Clock(unit),
            zone: zoned.then(|| "UTC".to_owned()),
        }),
    ]
}

fn any_type() -> impl Strategy<Value = Type> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|of| Type::List(Box::new(of))),
            inner.clone().prop_map(|of| Type::Map(Box::new(of))),
            vec(inner, 1..4).prop_map(|of| {
                let named = |(at, of)| (format!("f{at}"), of);
                Type::Structure(of.into_iter().enumerate().map(named).collect())
            }),
        ]
    })
}

/// Values of a type as they are written.
fn values(of: &Type) -> BoxedStrategy<String> {
    let json = |text: String| serde_json::to_string(&text).unwrap();
    match of.clone() {
        Type::Boolean => any::<bool>().prop_map(|value| value.to_string()).boxed(),
        Type::Integer { bits, signed: true } => {
            any::<i64>().prop_map(move |value| (value >> (64 - bits)).to_string()).boxed()
        }
        Type::Integer { bits, .. } => {
            any::<u64>().prop_map(move |value| (value >> (64 - bits)).to_string()).boxed()
        }
        Type::Float(32) => any::<f32>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(|value| serde_json::to_string(&value).unwrap())
            .boxed(),
        Type::Float(_) => prop_oneof![
            any::<f64>()
                .prop_filter("finite", |value| value.is_finite())
                .prop_map(|value| serde_json::to_string(&value).unwrap()),
            Just("\"NaN\"".to_owned()),
            Just("\"-Infinity\"".to_owned()),
        ]
        .boxed(),
        Type::Decimal { precision, scale } => decimals(precision, scale as usize),
        Type::Text | Type::Json => "\\PC{0,20}".prop_map(json).boxed(),
        Type::Bytes(None) => {
            vec(any::<u8>(), 0..20).prop_map(move |bytes| json(STANDARD.encode(bytes))).boxed()
        }
        Type::Bytes(Some(width)) => {
            vec(any::<u8>(), width as usize).prop_map(move |bytes| json(STANDARD.encode(bytes))).boxed()
        }
        Type::Date => {
            (-719_528..=2_932_896_i64).prop_map(move |days| json(clock::date(days).unwrap())).boxed()
        }
        Type::Time(Clock(unit)) => {
            (0..86_400 * unit.rate()).prop_map(move |count| json(clock::time(count, unit).unwrap())).boxed()
        }
        Type::Timestamp { clock: Clock(unit), zone } => {
            let end = if zone.is_some() { "Z" } else { "" };
            let most = 9_000_000_000_i64.saturating_mul(unit.rate());
            (-most..=most).prop_map(move |count| json(clock::moment(count, unit).unwrap() + end)).boxed()
        }
        Type::List(of) => vec(maybe(&of), 0..4).prop_map(|items| format!("[{}]", items.join(","))).boxed(),
        Type::Map(of) => btree_map("[a-z]{0,3}", maybe(&of), 0..4).prop_map(object).boxed(),
        Type::Structure(columns) => row(&columns),
    }
}

fn decimals(precision: u8, scale: usize) -> BoxedStrategy<String> {
    (any::<bool>(), vec(0..10_u8, 1..=usize::from(precision)))
        .prop_map(move |(negative, digits)| {
            let digits: String = digits.iter().map(ToString::to_string).collect();
            let digits = format!("{:0>1$}", digits.trim_start_matches('0'), scale + 1);
            let (whole, beyond) = digits.split_at(digits.len() - scale);
            let sign = if negative && digits.bytes().any(|digit| digit != b'0') { "-" } else { "" };
            if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{beyond}") }
        })
        .boxed()
}

fn maybe(of: &Type) -> BoxedStrategy<String> {
    option::weighted(0.8, values(of)).prop_map(|value| value.unwrap_or_else(|| "null".to_owned())).boxed()
}

fn object(fields: impl IntoIterator<Item = (String, String)>) -> String {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| format!("{}:{value}", serde_json::to_string(&name).unwrap()))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn row(columns: &Columns) -> BoxedStrategy<String> {
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let values: Vec<_> = columns.iter().map(|(_, of)| maybe(of)).collect();
    values.prop_map(move |values| object(names.iter().cloned().zip(values))).boxed()
}

fn table() -> impl Strategy<Value = (Columns, Vec<String>)> {
    let columns = vec(any_type(), 1..4).prop_map(|of| {
        of.into_iter().enumerate().map(|(at, of)| (format!("c{at}"), of)).collect::<Columns>()
    });
    columns.prop_flat_map(|columns| {
        let rows = vec(row(&columns), 0..20);
        (Just(columns), rows)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rows_of_every_type_come_back((columns, rows) in table()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        write_table(&path, &columns, &lines).unwrap();
        prop_assert_eq!(read_table(&path).unwrap(), rows);
    }
}
