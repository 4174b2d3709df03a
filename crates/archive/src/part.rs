//! Encodes ledger entries as Parquet, in the order of their keys, and decodes them. Money has two
//! decimals, prices four, shares six; instants are microseconds UTC, hashes 32 bytes.

use std::fs::File;
use std::sync::Arc;

use domain::{
    Day, EntryKind, Hash, LedgerEntry, MinorUnit, Money, Month, Price, Quantity, QuoteSource,
    UnixMicros,
};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader as _, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, Type};

/// Incremented when a column is added or changes its meaning.
pub(crate) const SCHEMA_VERSION: u32 = 2;

/// `{digits}` are those of the game's minor unit.
const SCHEMA: &str = "message ledger {
    REQUIRED INT64 player_id;
    REQUIRED INT64 version;
    REQUIRED INT64 month;
    REQUIRED BINARY kind (STRING);
    OPTIONAL INT64 stock_id;
    REQUIRED INT64 quantity (DECIMAL(18, 6));
    OPTIONAL INT64 price (DECIMAL(18, 4));
    REQUIRED INT64 amount (DECIMAL(18, {digits}));
    REQUIRED INT64 fee (DECIMAL(18, {digits}));
    REQUIRED INT64 xp_trade;
    REQUIRED INT64 xp_achievements;
    REQUIRED INT64 cash_after (DECIMAL(18, {digits}));
    REQUIRED INT64 quantity_after (DECIMAL(18, 6));
    REQUIRED INT64 cost_basis_after (DECIMAL(18, {digits}));
    REQUIRED INT64 total_xp_after;
    OPTIONAL INT64 quote_as_of (TIMESTAMP(MICROS, true));
    OPTIONAL INT32 quote_day (DATE);
    OPTIONAL BINARY quote_source (STRING);
    OPTIONAL INT64 about_version;
    REQUIRED INT64 created_at (TIMESTAMP(MICROS, true));
    REQUIRED FIXED_LEN_BYTE_ARRAY(32) hash;
    OPTIONAL INT64 rules_version;
}";

fn schema_of(unit: MinorUnit) -> Result<Type, ParquetError> {
    parse_message_type(&SCHEMA.replace("{digits}", &unit.digits().to_string()))
}

/// The columns of files of schema 1: all but the last one, which is NULL in their entries.
const FIRST_SCHEMA_COLUMNS: usize = 21;

/// Columns of numbers that differ little from those before them.
const DELTA_COLUMNS: [&str; 6] =
    ["player_id", "version", "cash_after", "total_xp_after", "quote_as_of", "created_at"];

/// A ledger entry with its hash.
pub(crate) type Entry = (LedgerEntry, Hash);

/// Writes a file by row groups.
pub(crate) struct PartWriter(SerializedFileWriter<Vec<u8>>);

impl PartWriter {
    /// A file of amounts in this unit.
    pub(crate) fn new(unit: MinorUnit) -> Result<Self, ParquetError> {
        let schema = Arc::new(schema_of(unit)?);
        let version = KeyValue::new("openbell_schema".to_owned(), SCHEMA_VERSION.to_string());
        let hash = ColumnPath::from("hash");
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("openbell ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![version]))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            // Hashes do not compress.
            .set_column_dictionary_enabled(hash.clone(), false)
            .set_column_statistics_enabled(hash.clone(), EnabledStatistics::None)
            .set_column_compression(hash, Compression::UNCOMPRESSED);
        for name in DELTA_COLUMNS {
            let path = ColumnPath::from(name);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
        SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build())).map(Self)
    }

    /// Adds a row group, and returns the bytes of the file that are final.
    pub(crate) fn add(&mut self, rows: &[Entry]) -> Result<Vec<u8>, ParquetError> {
        {
            let mut columns = ColumnWriter { group: self.0.next_row_group()?, rows };
            columns.write()?;
            columns.group.close()?;
        }
        self.0.flush()?;
        Ok(std::mem::take(self.0.inner_mut()))
    }

    /// The last bytes of the file.
    pub(crate) fn finish(self) -> Result<Vec<u8>, ParquetError> {
        self.0.into_inner()
    }
}

/// Writes a row group, column by column in the order of the schema.
struct ColumnWriter<'a, 'w> {
    group: SerializedRowGroupWriter<'w, Vec<u8>>,
    rows: &'a [Entry],
}

impl ColumnWriter<'_, '_> {
    fn write(&mut self) -> Result<(), ParquetError> {
        self.write_first_schema()?;
        self.maybe(|e| e.rules_version)
    }

    /// The columns of schema 1.
    fn write_first_schema(&mut self) -> Result<(), ParquetError> {
        self.int(|e| e.player_id)?;
        self.int(|e| e.version)?;
        self.int(|e| e.month.0)?;
        self.values::<ByteArrayType>(|(e, _)| Some(ByteArray::from(e.kind.as_str())))?;
        self.maybe(|e| e.stock_id)?;
        self.int(|e| e.quantity.0)?;
        self.maybe(|e| e.price.map(|price| price.0))?;
        self.int(|e| e.amount.0)?;
        self.int(|e| e.fee.0)?;
        self.int(|e| e.xp_trade)?;
        self.int(|e| e.xp_achievements)?;
        self.int(|e| e.cash_after.0)?;
        self.int(|e| e.quantity_after.0)?;
        self.int(|e| e.cost_basis_after.0)?;
        self.int(|e| e.total_xp_after)?;
        self.maybe(|e| e.quote_as_of.map(|at| at.0))?;
        self.values::<Int32Type>(|(e, _)| e.quote_day.map(|day| day.0))?;
        let word = |source: QuoteSource| ByteArray::from(source.as_str());
        self.values::<ByteArrayType>(|(e, _)| e.quote_source.map(word))?;
        self.maybe(|e| e.about_version)?;
        self.int(|e| e.created_at.0)?;
        let bytes = |hash: &Hash| FixedLenByteArray::from(ByteArray::from(hash.0.to_vec()));
        self.values::<FixedLenByteArrayType>(|(_, hash)| Some(bytes(hash)))
    }

    fn int(&mut self, value: impl Fn(&LedgerEntry) -> i64) -> Result<(), ParquetError> {
        self.values::<Int64Type>(|(entry, _)| Some(value(entry)))
    }

    fn maybe(&mut self, value: impl Fn(&LedgerEntry) -> Option<i64>) -> Result<(), ParquetError> {
        self.values::<Int64Type>(|(entry, _)| value(entry))
    }

    /// Writes the next column. Required columns ignore the definition levels.
    fn values<T: DataType>(
        &mut self,
        value: impl Fn(&Entry) -> Option<T::T>,
    ) -> Result<(), ParquetError> {
        let mut values = Vec::with_capacity(self.rows.len());
        let mut levels = Vec::with_capacity(self.rows.len());
        for row in self.rows {
            let value = value(row);
            levels.push(i16::from(value.is_some()));
            values.extend(value);
        }
        let column = self.group.next_column()?;
        let mut column = column.ok_or_else(|| bad("the schema has too few columns"))?;
        column.typed::<T>().write_batch(&values, Some(&levels), None)?;
        column.close()
    }
}

/// Reads a file by row groups.
pub(crate) struct PartReader {
    reader: SerializedFileReader<File>,
    next: usize,
}

impl PartReader {
    pub(crate) fn new(file: File) -> Result<Self, ParquetError> {
        let reader = SerializedFileReader::new(file)?;
        let found = reader.metadata().file_metadata().schema().get_fields();
        let units = [MinorUnit::Whole, MinorUnit::Hundredth, MinorUnit::Thousandth];
        let schemas = units.map(schema_of).into_iter().collect::<Result<Vec<_>, _>>()?;
        let is_known = schemas
            .iter()
            .map(Type::get_fields)
            .any(|known| found == known || found == &known[..FIRST_SCHEMA_COLUMNS]);
        if !is_known {
            return Err(bad("the file has other columns than this version writes"));
        }
        Ok(Self { reader, next: 0 })
    }

    /// The entries of the next row group; empty at the end.
    pub(crate) fn read(&mut self) -> Result<Vec<Entry>, ParquetError> {
        if self.next >= self.reader.num_row_groups() {
            return Ok(Vec::new());
        }
        self.next += 1;
        self.read_group(self.next - 1)
    }

    /// All entries of one player. Row groups without the player are skipped by their statistics.
    pub(crate) fn read_player(&self, player_id: i64) -> Result<Vec<Entry>, ParquetError> {
        let mut found = Vec::new();
        for at in 0..self.reader.num_row_groups() {
            let players = self.reader.metadata().row_group(at).column(0).statistics();
            if let Some(Statistics::Int64(players)) = players
                && (players.min_opt().is_some_and(|min| player_id < *min)
                    || players.max_opt().is_some_and(|max| player_id > *max))
            {
                continue;
            }
            let rows = self.read_group(at)?;
            found.extend(rows.into_iter().filter(|(entry, _)| entry.player_id == player_id));
        }
        Ok(found)
    }

    fn read_group(&self, at: usize) -> Result<Vec<Entry>, ParquetError> {
        let group = self.reader.get_row_group(at)?;
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| bad("no rows"))?;
        ColumnReader { group, column: 0, rows }.entries()
    }
}

/// Reads a row group, column by column in the order of the schema.
struct ColumnReader<'a> {
    group: Box<dyn RowGroupReader + 'a>,
    column: usize,
    rows: usize,
}

impl ColumnReader<'_> {
    fn entries(mut self) -> Result<Vec<Entry>, ParquetError> {
        let (player_id, version) = (self.ints()?, self.ints()?);
        let month = self.ints()?;
        let kind = self.required::<ByteArrayType>()?;
        let stock_id = self.values::<Int64Type>()?;
        let quantity = self.ints()?;
        let price = self.values::<Int64Type>()?;
        let (amount, fee) = (self.ints()?, self.ints()?);
        let (xp_trade, xp_achievements) = (self.ints()?, self.ints()?);
        let (cash_after, quantity_after) = (self.ints()?, self.ints()?);
        let (cost_basis_after, total_xp_after) = (self.ints()?, self.ints()?);
        let quote_as_of = self.values::<Int64Type>()?;
        let quote_day = self.values::<Int32Type>()?;
        let quote_source = self.values::<ByteArrayType>()?;
        let about_version = self.values::<Int64Type>()?;
        let created_at = self.ints()?;
        let hashes = self.required::<FixedLenByteArrayType>()?;
        let rules_version = match self.group.num_columns() {
            FIRST_SCHEMA_COLUMNS => vec![None; self.rows],
            _ => self.values::<Int64Type>()?,
        };
        let entry = |i: usize| {
            let kind = std::str::from_utf8(kind[i].data()).ok().and_then(EntryKind::parse);
            let source = quote_source[i].as_ref().map(|word| {
                let word = std::str::from_utf8(word.data()).ok().and_then(QuoteSource::parse);
                word.ok_or_else(|| bad("an unknown source of a quote"))
            });
            let entry = LedgerEntry {
                month: Month(month[i]),
                player_id: player_id[i],
                version: version[i],
                kind: kind.ok_or_else(|| bad("an unknown kind of entry"))?,
                stock_id: stock_id[i],
                quantity: Quantity(quantity[i]),
                price: price[i].map(Price),
                amount: Money(amount[i]),
                fee: Money(fee[i]),
                xp_trade: xp_trade[i],
                xp_achievements: xp_achievements[i],
                cash_after: Money(cash_after[i]),
                quantity_after: Quantity(quantity_after[i]),
                cost_basis_after: Money(cost_basis_after[i]),
                total_xp_after: total_xp_after[i],
                quote_as_of: quote_as_of[i].map(UnixMicros),
                quote_day: quote_day[i].map(Day),
                quote_source: source.transpose()?,
                about_version: about_version[i],
                created_at: UnixMicros(created_at[i]),
                rules_version: rules_version[i],
            };
            let hash = hashes[i].data().try_into().map_err(|_| bad("a hash is not 32 bytes"))?;
            Ok((entry, Hash(hash)))
        };
        (0..self.rows).map(entry).collect()
    }

    fn ints(&mut self) -> Result<Vec<i64>, ParquetError> {
        self.required::<Int64Type>()
    }

    /// The next column, which is required.
    fn required<T: DataType>(&mut self) -> Result<Vec<T::T>, ParquetError> {
        let values: Option<Vec<T::T>> = self.values::<T>()?.into_iter().collect();
        values.ok_or_else(|| bad("a value is missing"))
    }

    /// The next column.
    fn values<T: DataType>(&mut self) -> Result<Vec<Option<T::T>>, ParquetError> {
        let reader = self.group.get_column_reader(self.column)?;
        let is_optional =
            self.group.metadata().column(self.column).column_descr().max_def_level() > 0;
        self.column += 1;
        let mut reader = get_typed_column_reader::<T>(reader);
        let (mut values, mut levels) = (Vec::with_capacity(self.rows), Vec::new());
        let mut read = 0;
        while read < self.rows {
            let left = self.rows - read;
            let (records, ..) = reader.read_records(left, Some(&mut levels), None, &mut values)?;
            if records == 0 {
                return Err(bad("the file has fewer rows than its metadata"));
            }
            read += records;
        }
        if !is_optional {
            return Ok(values.into_iter().map(Some).collect());
        }
        let mut values = values.into_iter();
        Ok(levels.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
    }
}

fn bad(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

#[cfg(test)]
mod tests;
