//! Values of rows as the arrays that columns are made of.

use std::sync::Arc;

use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{ArrayRef, PrimitiveArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, DataType};

use crate::build::unlike;
use crate::clock::Unit;
use crate::types::{Clock, Type};

/// Where the values of each row end.
pub(crate) fn offsets(ends: &[usize]) -> OffsetBuffer<i32> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let starts: Vec<i32> = starts.map(|end| i32::try_from(end).unwrap_or(i32::MAX)).collect();
    OffsetBuffer::new(starts.into())
}

/// An array of numbers that were checked to be within the bounds of its type.
pub(crate) fn wholes(of: &Type, values: impl Iterator<Item = Option<i128>>) -> ArrayRef {
    fn array<T: ArrowPrimitiveType>(
        values: impl Iterator<Item = Option<i128>>,
        narrow: impl Fn(i128) -> T::Native,
    ) -> PrimitiveArray<T> {
        values.map(|value| value.map(&narrow)).collect()
    }
    let zone = |zone: &Option<String>| zone.as_deref().map(Arc::<str>::from);
    match of {
        Type::Integer { bits: 8, signed: true } => Arc::new(array::<Int8Type>(values, |n| n as i8)),
        Type::Integer { bits: 16, signed: true } => Arc::new(array::<Int16Type>(values, |n| n as i16)),
        Type::Integer { bits: 32, signed: true } => Arc::new(array::<Int32Type>(values, |n| n as i32)),
        Type::Integer { bits: 8, signed: false } => Arc::new(array::<UInt8Type>(values, |n| n as u8)),
        Type::Integer { bits: 16, signed: false } => Arc::new(array::<UInt16Type>(values, |n| n as u16)),
        Type::Integer { bits: 32, signed: false } => Arc::new(array::<UInt32Type>(values, |n| n as u32)),
        Type::Integer { signed: false, .. } => Arc::new(array::<UInt64Type>(values, |n| n as u64)),
        Type::Date => Arc::new(array::<Date32Type>(values, |n| n as i32)),
        Type::Time(Clock(Unit::Second)) => Arc::new(array::<Time32SecondType>(values, |n| n as i32)),
        Type::Time(Clock(Unit::Milli)) => Arc::new(array::<Time32MillisecondType>(values, |n| n as i32)),
        Type::Time(Clock(Unit::Micro)) => Arc::new(array::<Time64MicrosecondType>(values, |n| n as i64)),
        Type::Time(Clock(Unit::Nano)) => Arc::new(array::<Time64NanosecondType>(values, |n| n as i64)),
        Type::Timestamp { clock: Clock(Unit::Second), zone: at } => {
            Arc::new(array::<TimestampSecondType>(values, |n| n as i64).with_timezone_opt(zone(at)))
        }
        Type::Timestamp { clock: Clock(Unit::Milli), zone: at } => {
            Arc::new(array::<TimestampMillisecondType>(values, |n| n as i64).with_timezone_opt(zone(at)))
        }
        Type::Timestamp { clock: Clock(Unit::Micro), zone: at } => {
            Arc::new(array::<TimestampMicrosecondType>(values, |n| n as i64).with_timezone_opt(zone(at)))
        }
        Type::Timestamp { clock: Clock(Unit::Nano), zone: at } => {
            Arc::new(array::<TimestampNanosecondType>(values, |n| n as i64).with_timezone_opt(zone(at)))
        }
        _ => Arc::new(array::<Int64Type>(values, |n| n as i64)),
    }
}

/// An array of numbers of as many bits as its type has.
pub(crate) fn floats(of: &Type, values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    match of {
        Type::Float(16) => {
            let narrow = |value: f64| <Float16Type as ArrowPrimitiveType>::Native::from_f64(value);
            Arc::new(values.map(|value| value.map(narrow)).collect::<PrimitiveArray<Float16Type>>())
        }
        Type::Float(32) => Arc::new(
            values.map(|value| value.map(|value| value as f32)).collect::<PrimitiveArray<Float32Type>>(),
        ),
        _ => Arc::new(values.collect::<PrimitiveArray<Float64Type>>()),
    }
}

/// An array of decimals whose digits were checked to be few enough.
pub(crate) fn decimals<'a>(
    of: &Type,
    values: impl Iterator<Item = Option<&'a String>>,
) -> Result<ArrayRef, ArrowError> {
    Ok(match of.data() {
        DataType::Decimal128(precision, scale) => {
            let values = values.map(|digits| digits?.parse().ok());
            Arc::new(
                values
                    .collect::<PrimitiveArray<Decimal128Type>>()
                    .with_precision_and_scale(precision, scale)?,
            )
        }
        DataType::Decimal256(precision, scale) => {
            let values =
                values.map(|digits| <Decimal256Type as ArrowPrimitiveType>::Native::from_string(digits?));
            Arc::new(
                values
                    .collect::<PrimitiveArray<Decimal256Type>>()
                    .with_precision_and_scale(precision, scale)?,
            )
        }
        _ => return Err(unlike(of)),
    })
}
