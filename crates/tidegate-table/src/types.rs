//! The types that columns may have.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::clock::Unit;

/// The type of a column, or of what a column's lists and structures hold. Any of them may be missing in a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// True or false.
    Boolean,
    /// A whole number of so many bits.
    Integer {
        /// 8, 16, 32 or 64.
        bits: u8,
        /// Whether it may be negative.
        signed: bool,
    },
    /// A number of 16, 32 or 64 bits.
    Float(u8),
    /// A number with exactly so many digits behind the point.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Of them, those behind the point.
        scale: i8,
    },
    /// Text.
    Text,
    /// Anything, as the text of its JSON; text is itself.
    Json,
    /// Bytes, always so many if a number is given; base64 in objects.
    Bytes(Option<u32>),
    /// A day.
    Date,
    /// A time of day.
    Time(Clock),
    /// A moment.
    Timestamp {
        /// What is counted.
        clock: Clock,
        /// The zone; without one it is a day and a time that no place is known for.
        zone: Option<String>,
    },
    /// Any number of one type.
    List(Box<Type>),
    /// Named values.
    Structure(Vec<(String, Type)>),
    /// Values of one type under names that are not known before.
    Map(Box<Type>),
}

/// What a time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clock(pub(crate) Unit);

impl Clock {
    /// Thousandths of a second, which every reader knows.
    pub const MILLISECONDS: Self = Self(Unit::Milli);
    /// Millionths of a second.
    pub const MICROSECONDS: Self = Self(Unit::Micro);
}

/// Columns, by name.
pub type Columns = Vec<(String, Type)>;

/// The types that a user may name, for errors.
pub const NAMED: &str =
    "text, integer, number, boolean, date, timestamp, decimal(P,S), bytes, json, or a list such as [text]";

/// More digits than this no decimal has.
const MOST_DIGITS: u8 = 76;

impl Type {
    /// A whole number as databases have them.
    pub const INTEGER: Self = Self::Integer { bits: 64, signed: true };
    /// A number as JSON has them.
    pub const NUMBER: Self = Self::Float(64);

    /// The type that a user calls so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim();
        if let Some(of) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return Self::named(of).map(|of| Self::List(Box::new(of)));
        }
        Some(match name {
            "text" | "string" => Self::Text,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp { clock: Clock::MICROSECONDS, zone: Some("UTC".to_owned()) },
            "bytes" => Self::Bytes(None),
            "json" => Self::Json,
            other => {
                let digits = other.strip_prefix("decimal(")?.strip_suffix(')')?;
                let (precision, scale) = digits.split_once(',')?;
                let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
                let fits = (1..=MOST_DIGITS).contains(&precision)
                    && (0..=i8::try_from(precision).unwrap_or(i8::MAX)).contains(&scale);
                fits.then_some(Self::Decimal { precision, scale })?
            }
        })
    }

    /// The type of a column as a file has it; an error is a type whose values have no place in an object.
    pub(crate) fn of(data: &DataType) -> Result<Self, String> {
        let integer = |bits, signed| Self::Integer { bits, signed };
        Ok(match data {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => integer(8, true),
            DataType::Int16 => integer(16, true),
            DataType::Int32 => integer(32, true),
            DataType::Int64 => integer(64, true),
            DataType::UInt8 => integer(8, false),
            DataType::UInt16 => integer(16, false),
            DataType::UInt32 => integer(32, false),
            DataType::UInt64 => integer(64, false),
            DataType::Float16 => Self::Float(16),
            DataType::Float32 => Self::Float(32),
            DataType::Float64 => Self::Float(64),
            DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
                Self::Decimal { precision: *precision, scale: *scale }
            }
            DataType::Null => Self::Text,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Bytes(None),
            DataType::FixedSizeBinary(width) => {
                Self::Bytes(Some(u32::try_from(*width).map_err(|_| format!("{width} bytes"))?))
            }
            DataType::Date32 => Self::Date,
            DataType::Time32(unit) | DataType::Time64(unit) => Self::Time(Clock(unit_of(*unit))),
            DataType::Timestamp(unit, zone) => {
                Self::Timestamp { clock: Clock(unit_of(*unit)), zone: zone.as_ref().map(ToString::to_string) }
            }
            DataType::List(of) => Self::List(Box::new(Self::of(of.data_type())?)),
            DataType::Struct(fields) => Self::Structure(columns(fields)?),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(pair) if pair.len() == 2 && *pair[0].data_type() == DataType::Utf8 => {
                    Self::Map(Box::new(Self::of(pair[1].data_type())?))
                }
                _ => return Err("a map whose names are no text".to_owned()),
            },
            DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime | _) => {
                return Err("an interval".to_owned());
            }
            other => return Err(other.to_string()),
        })
    }

    /// The type of the array that holds such values.
    pub(crate) fn data(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer { bits: 8, signed: true } => DataType::Int8,
            Self::Integer { bits: 16, signed: true } => DataType::Int16,
            Self::Integer { bits: 32, signed: true } => DataType::Int32,
            Self::Integer { signed: true, .. } => DataType::Int64,
            Self::Integer { bits: 8, signed: false } => DataType::UInt8,
            Self::Integer { bits: 16, signed: false } => DataType::UInt16,
            Self::Integer { bits: 32, signed: false } => DataType::UInt32,
            Self::Integer { signed: false, .. } => DataType::UInt64,
            Self::Float(16) => DataType::Float16,
            Self::Float(32) => DataType::Float32,
            Self::Float(_) => DataType::Float64,
            Self::Decimal { precision, scale } if *precision <= 38 => {
                DataType::Decimal128(*precision, *scale)
            }
            Self::Decimal { precision, scale } => DataType::Decimal256(*precision, *scale),
            Self::Text | Self::Json => DataType::Utf8,
            Self::Bytes(None) => DataType::Binary,
            Self::Bytes(Some(width)) => DataType::FixedSizeBinary(*width as i32),
            Self::Date => DataType::Date32,
            Self::Time(Clock(unit @ (Unit::Second | Unit::Milli))) => DataType::Time32(unit_to(*unit)),
            Self::Time(Clock(unit)) => DataType::Time64(unit_to(*unit)),
            Self::Timestamp { clock, zone } => {
                DataType::Timestamp(unit_to(clock.0), zone.as_deref().map(Arc::from))
            }
            Self::List(of) => DataType::List(Arc::new(Field::new("element", of.data(), true))),
            Self::Structure(columns) => DataType::Struct(fields(columns)),
            Self::Map(of) => {
                let pair =
                    vec![Field::new("key", DataType::Utf8, false), Field::new("value", of.data(), true)];
                let entries = Field::new("key_value", DataType::Struct(pair.into()), false);
                DataType::Map(Arc::new(entries), false)
            }
        }
    }
}

/// The columns that fields are; an error names the one that cannot be one.
pub(crate) fn columns(fields: &Fields) -> Result<Columns, String> {
    let mut columns = Columns::with_capacity(fields.len());
    let mut names = std::collections::HashSet::new();
    for field in fields {
        if !names.insert(field.name().as_str()) {
            return Err(format!("two columns called {:?}", field.name()));
        }
        let of =
            Type::of(field.data_type()).map_err(|what| format!("{what} in column {:?}", field.name()))?;
        columns.push((field.name().clone(), of));
    }
    Ok(columns)
}

/// The fields that columns are.
pub(crate) fn fields(columns: &[(String, Type)]) -> Fields {
    columns.iter().map(|(name, of)| Field::new(name, of.data(), true)).collect()
}

fn unit_of(unit: TimeUnit) -> Unit {
    match unit {
        TimeUnit::Second => Unit::Second,
        TimeUnit::Millisecond => Unit::Milli,
        TimeUnit::Microsecond => Unit::Micro,
        TimeUnit::Nanosecond => Unit::Nano,
    }
}

fn unit_to(unit: Unit) -> TimeUnit {
    match unit {
        Unit::Second => TimeUnit::Second,
        Unit::Milli => TimeUnit::Millisecond,
        Unit::Micro => TimeUnit::Microsecond,
        Unit::Nano => TimeUnit::Nanosecond,
    }
}

/// What a value of the type must be, for errors: "a whole number".
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { bits: 64, signed: true } => f.write_str("a whole number"),
            Self::Integer { bits, signed: true } => write!(f, "a whole number of {bits} bits"),
            Self::Integer { bits, signed: false } => write!(f, "a whole number of {bits} bits, not below 0"),
            Self::Float(64) => f.write_str("a number"),
            Self::Float(bits) => write!(f, "a number of {bits} bits"),
            Self::Decimal { precision, scale } => {
                write!(f, "a number of at most {precision} digits, {scale} of them behind the point")
            }
            Self::Text => f.write_str("text"),
            Self::Json => f.write_str("anything"),
            Self::Bytes(None) => f.write_str("bytes in base64"),
            Self::Bytes(Some(width)) => write!(f, "{width} bytes in base64"),
            Self::Date => f.write_str("a day such as 2024-02-29"),
            Self::Time(_) => f.write_str("a time of day such as 23:59:59"),
            Self::Timestamp { zone: Some(_), .. } => {
                f.write_str("a moment with its zone, such as 2024-02-29T23:59:59Z")
            }
            Self::Timestamp { zone: None, .. } => {
                f.write_str("a moment without a zone, such as 2024-02-29T23:59:59")
            }
            Self::List(of) => write!(f, "a list of {of}"),
            Self::Structure(_) | Self::Map(_) => f.write_str("an object"),
        }
    }
}
