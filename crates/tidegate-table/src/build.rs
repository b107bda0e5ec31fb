//! Rows of objects gathered into columns.
//!
//! Values are kept in plain vectors until a batch is made of them, so that a row whose last column does not fit can be
//! taken out again whole.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, MapArray, RecordBatch,
    RecordBatchOptions, StringArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};
use serde_json::value::RawValue;

use crate::arrays::{decimals, floats, offsets, wholes};
use crate::pairs::pairs;
use crate::types::{self, Columns, Type};
use crate::value;

/// Why a row is none of the table's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) column: String,
    /// What is wrong with it.
    pub(crate) what: String,
    /// What to name in `[output.types]`, where that helps.
    pub(crate) known: bool,
}

/// Rows on their way into a batch.
pub(crate) struct Builder {
    schema: SchemaRef,
    columns: Vec<(String, Column)>,
    rows: usize,
    bytes: usize,
}

impl Builder {
    pub(crate) fn new(columns: &Columns) -> Self {
        let schema = Arc::new(Schema::new(types::fields(columns)));
        let columns = columns.iter().map(|(name, of)| (name.clone(), Column::new(of))).collect();
        Self { schema, columns, rows: 0, bytes: 0 }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows that are gathered, and the bytes of their objects.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.rows, self.bytes)
    }

    /// Takes a row, whole or not at all.
    pub(crate) fn push(&mut self, object: &str) -> Result<(), Misfit> {
        let pushed = self.fields(object);
        match &pushed {
            Ok(()) => {
                self.rows += 1;
                self.bytes += object.len();
            }
            Err(_) => self.columns.iter_mut().for_each(|(_, column)| column.truncate(self.rows)),
        }
        pushed
    }

    /// Whether a row would be taken.
    pub(crate) fn check(&mut self, object: &str) -> Result<(), Misfit> {
        let (rows, bytes) = self.size();
        self.push(object)?;
        (self.rows, self.bytes) = (rows, bytes);
        self.columns.iter_mut().for_each(|(_, column)| column.truncate(rows));
        Ok(())
    }

    fn fields(&mut self, object: &str) -> Result<(), Misfit> {
        let misfit = |column: &str, what: String, known| Misfit { column: column.to_owned(), what, known };
        let fields = pairs(object).map_err(|what| misfit("", what, true))?;
        let rows = self.rows;
        for (at, (name, raw)) in fields.iter().enumerate() {
            // Columns stand mostly where the fields do.
            let guess = self.columns.get(at).is_some_and(|(column, _)| column == name).then_some(at);
            let place = guess.or_else(|| self.columns.iter().position(|(column, _)| column == name));
            let Some(place) = place else {
                return Err(misfit(name, "the table has no such column".to_owned(), false));
            };
            let column = &mut self.columns[place].1;
            column.truncate(rows); // of two fields of one name the last counts
            column.push(raw.get()).map_err(|what| misfit(name, what, true))?;
        }
        self.columns.iter_mut().for_each(|(_, column)| column.pad(rows + 1));
        Ok(())
    }

    /// What was gathered, as a batch; the next begins empty.
    pub(crate) fn batch(&mut self) -> Result<RecordBatch, ArrowError> {
        let arrays: Result<Vec<ArrayRef>, _> =
            self.columns.iter_mut().map(|(_, column)| column.finish()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        RecordBatch::try_new_with_options(self.schema.clone(), arrays?, &options)
    }
}

/// Tells whether values are of a type.
pub(crate) struct Probe(Column);

impl Probe {
    pub(crate) fn new(of: &Type) -> Self {
        Self(Column::new(of))
    }

    /// An error says what is wrong with the value.
    pub(crate) fn check(&mut self, raw: &str) -> Result<(), String> {
        let checked = self.0.push(raw);
        self.0.truncate(0);
        checked
    }
}

/// The values of a column so far.
struct Column {
    of: Type,
    valid: Vec<bool>,
    data: Data,
}

enum Data {
    Boolean(Vec<bool>),
    /// Whole numbers, and everything that is counted.
    Whole(Vec<i128>),
    Float(Vec<f64>),
    /// Digits of decimals without their point.
    Digits(Vec<String>),
    Text(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    List(Vec<usize>, Box<Column>),
    Structure(Vec<(String, Column)>),
    Map(Vec<usize>, Vec<String>, Box<Column>),
}

impl Column {
    fn new(of: &Type) -> Self {
        let data = match of {
            Type::Boolean => Data::Boolean(Vec::new()),
            Type::Integer { .. } | Type::Date | Type::Time(_) | Type::Timestamp { .. } => {
                Data::Whole(Vec::new())
            }
            Type::Float(_) => Data::Float(Vec::new()),
            Type::Decimal { .. } => Data::Digits(Vec::new()),
            Type::Text | Type::Json => Data::Text(Vec::new()),
            Type::Bytes(_) => Data::Bytes(Vec::new()),
            Type::List(of) => Data::List(Vec::new(), Box::new(Self::new(of))),
            Type::Structure(columns) => {
                Data::Structure(columns.iter().map(|(name, of)| (name.clone(), Self::new(of))).collect())
            }
            Type::Map(of) => Data::Map(Vec::new(), Vec::new(), Box::new(Self::new(of))),
        };
        Self { of: of.clone(), valid: Vec::new(), data }
    }

    fn truncate(&mut self, rows: usize) {
        if self.valid.len() <= rows {
            return; // a row that failed here left nothing behind it but what is within
        }
        self.valid.truncate(rows);
        self.trim();
    }

    /// Brings the values to as many as there are rows.
    fn trim(&mut self) {
        let rows = self.valid.len();
        let within = |ends: &mut Vec<usize>| {
            ends.truncate(rows);
            ends.last().copied().unwrap_or(0)
        };
        match &mut self.data {
            Data::Boolean(values) => values.truncate(rows),
            Data::Whole(values) => values.truncate(rows),
            Data::Float(values) => values.truncate(rows),
            Data::Digits(values) | Data::Text(values) => values.truncate(rows),
            Data::Bytes(values) => values.truncate(rows),
            Data::List(ends, of) => {
                let left = within(ends);
                of.truncate(left);
            }
            Data::Structure(columns) => columns.iter_mut().for_each(|(_, column)| column.truncate(rows)),
            Data::Map(ends, names, of) => {
                let left = within(ends);
                names.truncate(left);
                of.truncate(left);
            }
        }
    }

    /// Fills up with nothing.
    fn pad(&mut self, rows: usize) {
        while self.valid.len() < rows {
            self.nothing();
        }
    }

    fn nothing(&mut self) {
        self.valid.push(false);
        let rows = self.valid.len();
        match &mut self.data {
            Data::Boolean(values) => values.push(false),
            Data::Whole(values) => values.push(0),
            Data::Float(values) => values.push(0.0),
            Data::Digits(values) => values.push("0".to_owned()),
            Data::Text(values) => values.push(String::new()),
            Data::Bytes(values) => values.push(Vec::new()),
            Data::List(ends, of) => ends.push(of.valid.len()),
            Data::Structure(columns) => columns.iter_mut().for_each(|(_, column)| column.pad(rows)),
            Data::Map(ends, names, _) => ends.push(names.len()),
        }
    }

    /// Takes a value; after an error nothing of it is left.
    fn push(&mut self, raw: &str) -> Result<(), String> {
        if raw == "null" {
            self.nothing();
            return Ok(());
        }
        let taken = self.take(raw);
        if taken.is_ok() {
            self.valid.push(true);
        } else {
            self.trim();
        }
        taken.map_err(|what| what.unwrap_or_else(|| value::misfit(raw, &self.of)))
    }

    /// An error without words is the usual one: the value is not of the type.
    fn take(&mut self, raw: &str) -> Result<(), Option<String>> {
        let rows = self.valid.len();
        match &mut self.data {
            Data::Boolean(values) => values.push(raw.parse().map_err(|_| None)?),
            Data::Whole(values) => values.push(counted(raw, &self.of).ok_or(None)?),
            Data::Float(values) => values.push(float(raw, &self.of).ok_or(None)?),
            Data::Digits(values) => {
                let Type::Decimal { precision, scale } = self.of else { return Err(None) };
                values.push(value::decimal(raw, precision, scale).ok_or(None)?);
            }
            Data::Text(values) => match value::text(raw) {
                Some(text) => values.push(text),
                None if self.of == Type::Json => values.push(raw.to_owned()),
                None => return Err(None),
            },
            Data::Bytes(values) => {
                let Type::Bytes(width) = self.of else { return Err(None) };
                values.push(value::bytes(raw, width).ok_or(None)?);
            }
            Data::List(ends, of) => {
                let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| None)?;
                items.into_iter().try_for_each(|item| of.push(item.get())).map_err(Some)?;
                ends.push(of.valid.len());
            }
            Data::Structure(columns) => structure(columns, raw, rows)?,
            Data::Map(ends, names, of) => {
                for (name, item) in pairs(raw).map_err(|_| None)? {
                    of.push(item.get()).map_err(Some)?;
                    names.push(name);
                }
                ends.push(names.len());
            }
        }
        Ok(())
    }

    /// The values as an array; the column is empty then.
    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let fresh = Self::new(&self.of);
        std::mem::replace(self, fresh).array()
    }

    fn array(self) -> Result<ArrayRef, ArrowError> {
        let Self { of, valid, data } = self;
        let nulls = || Some(NullBuffer::from(valid.clone()));
        Ok(match data {
            Data::Boolean(values) => Arc::new(BooleanArray::new(values.into(), nulls())),
            Data::Whole(values) => {
                wholes(&of, valid.iter().zip(values).map(|(valid, value)| valid.then_some(value)))
            }
            Data::Float(values) => {
                floats(&of, valid.iter().zip(values).map(|(valid, value)| valid.then_some(value)))
            }
            Data::Digits(values) => {
                decimals(&of, valid.iter().zip(&values).map(|(valid, value)| valid.then_some(value)))?
            }
            Data::Text(values) => {
                let values = valid.iter().zip(&values).map(|(valid, text)| valid.then_some(text.as_str()));
                Arc::new(values.collect::<StringArray>())
            }
            Data::Bytes(values) => {
                let values =
                    valid.iter().zip(&values).map(|(valid, bytes)| valid.then_some(bytes.as_slice()));
                match of.data() {
                    DataType::FixedSizeBinary(width) => {
                        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, width)?)
                    }
                    _ => Arc::new(values.collect::<BinaryArray>()),
                }
            }
            Data::List(ends, inner) => {
                let DataType::List(field) = of.data() else { return Err(unlike(&of)) };
                Arc::new(ListArray::try_new(field, offsets(&ends), inner.array()?, nulls())?)
            }
            Data::Structure(columns) => {
                let DataType::Struct(fields) = of.data() else { return Err(unlike(&of)) };
                let arrays: Result<Vec<_>, _> =
                    columns.into_iter().map(|(_, column)| column.array()).collect();
                Arc::new(StructArray::try_new(fields, arrays?, nulls())?)
            }
            Data::Map(ends, names, inner) => {
                let DataType::Map(field, sorted) = of.data() else { return Err(unlike(&of)) };
                let DataType::Struct(pair) = field.data_type() else { return Err(unlike(&of)) };
                let names: ArrayRef = Arc::new(StringArray::from(names));
                let entries = StructArray::try_new(pair.clone(), vec![names, inner.array()?], None)?;
                Arc::new(MapArray::try_new(field, offsets(&ends), entries, nulls(), sorted)?)
            }
        })
    }
}

pub(crate) fn unlike(of: &Type) -> ArrowError {
    ArrowError::SchemaError(format!("{of:?} is kept as something else"))
}

fn structure(columns: &mut [(String, Column)], raw: &str, rows: usize) -> Result<(), Option<String>> {
    for (name, item) in pairs(raw).map_err(|_| None)? {
        let Some((_, column)) = columns.iter_mut().find(|(column, _)| *column == name) else {
            return Err(Some(format!("it has a field {name:?}, which the column has not")));
        };
        column.truncate(rows);
        column.push(item.get()).map_err(|what| Some(format!("{name}: {what}")))?;
    }
    columns.iter_mut().for_each(|(_, column)| column.pad(rows + 1));
    Ok(())
}

/// A number that a column of so many bits does not take for one without end.
fn float(raw: &str, of: &Type) -> Option<f64> {
    let number = value::number(raw)?;
    let most = match of {
        Type::Float(16) => 65_504.0,
        Type::Float(32) => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    (!number.is_finite() || number.abs() <= most).then_some(number)
}

/// A whole number, or what stands for a day or a time, within the bounds of its type.
fn counted(raw: &str, of: &Type) -> Option<i128> {
    let Type::Integer { bits, signed } = *of else {
        return value::moment(raw, of).map(i128::from);
    };
    let number = value::whole(raw)?;
    let (least, most) = match signed {
        true => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        false => (0, (1_i128 << bits) - 1),
    };
    (least..=most).contains(&number).then_some(number)
}
