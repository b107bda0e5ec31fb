//! A row of a batch as an object on one line.
//!
//! What JSON has no word for: a float that is no number is the text `"NaN"`, `"Infinity"` or `"-Infinity"`, days and
//! times are text ([`crate::clock`]), bytes are text in base64. Decimals are numbers with all their digits.

use std::io::Write as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, DecimalType, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use tidegate_connect::put_quoted;

use crate::clock::{self, Unit};

/// Why a row is not an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// It would take more bytes than allowed.
    TooLong,
    /// The value in this column has no text.
    Value { column: String, what: String },
}

/// Appends a row to `out`, which may not grow beyond `most` bytes by much: by one value that stands alone.
pub(crate) fn object(
    batch: &RecordBatch,
    row: usize,
    (most, out): (usize, &mut Vec<u8>),
) -> Result<(), Misfit> {
    let most = out.len().saturating_add(most);
    let schema = batch.schema_ref();
    let mut open = b'{';
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        out.push(open);
        open = b',';
        put_quoted(field.name(), out);
        out.push(b':');
        let misfit = |what| Misfit::Value { column: field.name().clone(), what };
        value(array, row, &mut Out { bytes: &mut *out, most })
            .map_err(|why| why.map_or(Misfit::TooLong, misfit))?;
    }
    out.push(b'}');
    Ok(())
}

/// The value of a column in a row, alone.
pub(crate) fn alone(array: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    value(array, row, &mut Out { bytes: &mut out, most: usize::MAX }).ok()?;
    Some(out)
}

struct Out<'a> {
    bytes: &'a mut Vec<u8>,
    most: usize,
}

/// `None` says that there is no room.
type Written = Result<(), Option<String>>;

fn json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and nothing here is a map.
    let _ = serde_json::to_writer(out, value);
}

fn value(array: &ArrayRef, row: usize, out: &mut Out<'_>) -> Written {
    if array.is_null(row) {
        out.bytes.extend_from_slice(b"null");
        return Ok(());
    }
    if out.bytes.len() > out.most {
        return Err(None);
    }
    match array.data_type() {
        DataType::Null => out.bytes.extend_from_slice(b"null"),
        DataType::Boolean => json(&array.as_boolean().value(row), out.bytes),
        DataType::Int8 => json(&array.as_primitive::<Int8Type>().value(row), out.bytes),
        DataType::Int16 => json(&array.as_primitive::<Int16Type>().value(row), out.bytes),
        DataType::Int32 => json(&array.as_primitive::<Int32Type>().value(row), out.bytes),
        DataType::Int64 => json(&array.as_primitive::<Int64Type>().value(row), out.bytes),
        DataType::UInt8 => json(&array.as_primitive::<UInt8Type>().value(row), out.bytes),
        DataType::UInt16 => json(&array.as_primitive::<UInt16Type>().value(row), out.bytes),
        DataType::UInt32 => json(&array.as_primitive::<UInt32Type>().value(row), out.bytes),
        DataType::UInt64 => json(&array.as_primitive::<UInt64Type>().value(row), out.bytes),
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).to_f64(), out.bytes),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            if value.is_finite() { json(&value, out.bytes) } else { float(value.into(), out.bytes) }
        }
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row), out.bytes),
        DataType::Decimal128(precision, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            plain(&Decimal128Type::format_decimal(value, *precision, *scale), out)?;
        }
        DataType::Decimal256(precision, scale) => {
            let value = array.as_primitive::<Decimal256Type>().value(row);
            plain(&Decimal256Type::format_decimal(value, *precision, *scale), out)?;
        }
        DataType::Utf8View => text(array.as_string_view().value(row), out)?,
        DataType::Utf8 => text(array.as_string::<i32>().value(row), out)?,
        DataType::BinaryView => bytes(array.as_binary_view().value(row), out)?,
        DataType::Binary => bytes(array.as_binary::<i32>().value(row), out)?,
        DataType::FixedSizeBinary(_) => bytes(array.as_fixed_size_binary().value(row), out)?,
        DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) => {
            moment(array, row, out)?;
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(row), out)?,
        DataType::Struct(_) => structure(array, row, out)?,
        DataType::Map(..) => map(array, row, out)?,
        other => return Err(Some(format!("{other} is no type that can be read"))),
    }
    Ok(())
}

fn float(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        json(&value, out);
    } else {
        let word: &[u8] = match value {
            f64::INFINITY => b"\"Infinity\"",
            f64::NEG_INFINITY => b"\"-Infinity\"",
            _ => b"\"NaN\"",
        };
        out.extend_from_slice(word);
    }
}

fn plain(text: &str, out: &mut Out<'_>) -> Written {
    out.bytes.write_all(text.as_bytes()).map_err(|_| None)
}

fn text(text: &str, out: &mut Out<'_>) -> Written {
    if text.len() > out.most.saturating_sub(out.bytes.len()) {
        return Err(None);
    }
    put_quoted(text, out.bytes);
    Ok(())
}

fn bytes(bytes: &[u8], out: &mut Out<'_>) -> Written {
    if bytes.len() > out.most.saturating_sub(out.bytes.len()) {
        return Err(None);
    }
    json(&STANDARD.encode(bytes), out.bytes);
    Ok(())
}

fn moment(array: &ArrayRef, row: usize, out: &mut Out<'_>) -> Written {
    let (count, unit) = match array.data_type() {
        DataType::Date32 => (i64::from(array.as_primitive::<Date32Type>().value(row)), Unit::Second),
        DataType::Time32(_) => {
            (i64::from(array.as_primitive::<Time32MillisecondType>().value(row)), Unit::Milli)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            (array.as_primitive::<Time64NanosecondType>().value(row), Unit::Nano)
        }
        DataType::Time64(_) => (array.as_primitive::<Time64MicrosecondType>().value(row), Unit::Micro),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            (array.as_primitive::<TimestampNanosecondType>().value(row), Unit::Nano)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            (array.as_primitive::<TimestampMicrosecondType>().value(row), Unit::Micro)
        }
        _ => (array.as_primitive::<TimestampMillisecondType>().value(row), Unit::Milli),
    };
    let text = match array.data_type() {
        DataType::Date32 => clock::date(count),
        DataType::Time32(_) | DataType::Time64(_) => clock::time(count, unit),
        DataType::Timestamp(_, zone) => {
            let end = if zone.is_some() { "Z" } else { "" };
            clock::moment(count, unit).map(|moment| format!("{moment}{end}"))
        }
        _ => None,
    };
    let Some(text) = text else {
        return Err(Some(format!("{count} is no time that has a text: years are 0 to 9999, hours below 24")));
    };
    json(&text, out.bytes);
    Ok(())
}

fn list(values: &ArrayRef, out: &mut Out<'_>) -> Written {
    out.bytes.push(b'[');
    for at in 0..values.len() {
        if at > 0 {
            out.bytes.push(b',');
        }
        value(values, at, out)?;
        if out.bytes.len() > out.most {
            return Err(None);
        }
    }
    out.bytes.push(b']');
    Ok(())
}

fn structure(array: &ArrayRef, row: usize, out: &mut Out<'_>) -> Written {
    let values = array.as_struct();
    out.bytes.push(b'{');
    for (at, (field, column)) in values.fields().iter().zip(values.columns()).enumerate() {
        if at > 0 {
            out.bytes.push(b',');
        }
        json(field.name(), out.bytes);
        out.bytes.push(b':');
        value(column, row, out)?;
    }
    out.bytes.push(b'}');
    Ok(())
}

fn map(array: &ArrayRef, row: usize, out: &mut Out<'_>) -> Written {
    let pairs = array.as_map().value(row);
    let (names, values) = (pairs.column(0), pairs.column(1));
    out.bytes.push(b'{');
    for at in 0..pairs.len() {
        if at > 0 {
            out.bytes.push(b',');
        }
        value(names, at, out)?;
        out.bytes.push(b':');
        value(values, at, out)?;
    }
    out.bytes.push(b'}');
    Ok(())
}
