//! Every table of one database into another: from SQLite to PostgreSQL to move or restore, from PostgreSQL to an SQLite file to back up.
//!
//! What there is to copy is read from the databases, so that no table and no column can be forgotten: both must have the same ones.
//! INVARIANT: what was written is read again, and held against what was read, by count and by content, before anybody commits.

use std::collections::BTreeMap;

use brevet_core::digest::{Digest, Fields};
use futures_util::TryStreamExt as _;
use sea_orm::sea_query::{Alias, Expr, Query};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement, StreamTrait as _, Value};
use sea_orm_migration::MigratorTrait as _;

use super::{Migrator, without_nul};

/// What the migrations themselves keep: the same on both sides before anything is copied.
const MIGRATIONS: &str = "seaql_migrations";
/// Values in one statement; SQLite takes 32,766.
const MOST_VALUES: usize = 30_000;
/// Rows in one statement.
const MOST_ROWS: usize = 500;
/// Bytes of text in one statement, about.
const MOST_BYTES: usize = 4 << 20;

/// Why nothing was copied. Whoever called rolls back.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// Another version of the program made one of them.
    #[error("the two databases are not of the same version: {0}")]
    Schema(String),
    /// A column of a kind that is not copied.
    #[error("column {column:?} of table {table:?} is of type {found:?}, which cannot be copied")]
    Column {
        /// Its table.
        table: String,
        /// Its name.
        column: String,
        /// As PostgreSQL says it.
        found: String,
    },
    /// Reading or writing a table.
    #[error("cannot copy table {table:?}")]
    Table {
        /// Which.
        table: String,
        /// Why.
        #[source]
        source: DbErr,
    },
    /// What was written is not what was read.
    #[error("table {table:?} differs after copying: {rows} rows with content {content}, and {found_rows} rows with content {found}")]
    Differs {
        /// Which.
        table: String,
        /// As read.
        rows: u64,
        /// As read.
        content: Digest,
        /// As found again.
        found_rows: u64,
        /// As found again.
        found: Digest,
    },
    /// Beside the tables.
    #[error("cannot copy the database")]
    Database(#[from] DbErr),
}

/// A table that is the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: String,
    /// How many rows.
    pub rows: u64,
    /// Over the content of all rows, in whatever order.
    pub content: Digest,
}

/// How far it is: in this table so many rows of so many; all of them once, when it was compared.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Which table.
    pub table: &'a str,
    /// Written.
    pub done: u64,
    /// To write.
    pub all: u64,
}

/// Hears how far it is.
pub type Say<'a> = &'a mut (dyn FnMut(Progress<'_>) + Send);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Number,
    Flag,
    Text,
    Bytes,
}

/// Columns by name, so that their order is the same everywhere.
type Columns = BTreeMap<String, Sort>;

/// Copies every table, reads it again and compares. One side is PostgreSQL; `to` has the tables of `from`'s version, and no rows.
///
/// # Errors
/// When the two differ in tables or columns, a database does not answer, or something is not the same afterwards.
pub async fn copy(from: &DatabaseTransaction, to: &DatabaseTransaction, say: Say<'_>) -> Result<Vec<Copied>, CopyError> {
    for side in [from, to] {
        if backend(side) == DbBackend::Postgres {
            // While the other side is read or written this one waits, for as long as it takes.
            side.execute_unprepared("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        }
    }
    let tables = same_tables(from, to).await?;
    let mut copied = Vec::new();
    for (table, columns) in &tables {
        let failed = |source| CopyError::Table { table: table.clone(), source };
        let all = count(from, table).await.map_err(failed)?;
        let mut progress = |done| {
            if done < all {
                say(Progress { table, done, all });
            }
        };
        let content = rows(from, to, (table, columns), &mut progress).await.map_err(failed)?;
        let found_rows = count(to, table).await.map_err(failed)?;
        let found = content_of(to, table, columns).await.map_err(failed)?;
        if (found_rows, found) != (all, content) {
            return Err(CopyError::Differs { table: table.clone(), rows: all, content, found_rows, found });
        }
        say(Progress { table, done: all, all });
        copied.push(Copied { table: table.clone(), rows: all, content });
    }
    if backend(to) == DbBackend::Postgres {
        go_on_counting(from, to).await?;
    }
    Ok(copied)
}

/// Makes the tables in a database that has none: those of the version that `like` is of.
///
/// # Errors
/// When `like` is of a version that this program does not know, or the database does not take it.
pub async fn make_tables(like: &DatabaseTransaction, to: &DatabaseTransaction) -> Result<(), CopyError> {
    let known: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    let there = migrations(like).await?;
    if !known.starts_with(&there) {
        let newer =
            there.iter().find(|name| !known.contains(name)).map_or_else(String::new, |name| format!(", which does not know {name}"));
        return Err(CopyError::Schema(format!("one was made by another version of brevet-server than this{newer}")));
    }
    Migrator::up(to, u32::try_from(there.len()).ok()).await?;
    Ok(())
}

async fn migrations(side: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let sql = format!("SELECT version FROM {MIGRATIONS} ORDER BY version");
    let rows = side.query_all_raw(Statement::from_string(backend(side), sql)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// The tables that a database has in the schema that it is used with, without what the migrations keep.
///
/// # Errors
/// When the database does not answer.
pub async fn tables(side: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let sql = match backend(side) {
        DbBackend::Postgres => "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
        _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    };
    let rows = side.query_all_raw(Statement::from_string(backend(side), sql)).await?;
    let mut names = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>, _>>()?;
    names.retain(|name| name != MIGRATIONS);
    names.sort_unstable();
    Ok(names)
}

async fn same_tables(from: &DatabaseTransaction, to: &DatabaseTransaction) -> Result<BTreeMap<String, Columns>, CopyError> {
    let (source, target) = (tables(from).await?, tables(to).await?);
    if let Some(table) = source.iter().find(|table| !target.contains(table)).or_else(|| target.iter().find(|t| !source.contains(t))) {
        return Err(CopyError::Schema(format!("only one of them has a table {table:?}")));
    }
    if migrations(from).await? != migrations(to).await? {
        return Err(CopyError::Schema("their migrations differ".into()));
    }
    // SQLite says what a column was declared as, PostgreSQL what it is.
    let (postgres, sqlite) = if backend(from) == DbBackend::Postgres { (from, to) } else { (to, from) };
    let mut all = BTreeMap::new();
    for table in source {
        let columns = columns(postgres, &table).await?;
        let sql = Statement::from_sql_and_values(DbBackend::Sqlite, "SELECT name FROM pragma_table_info(?)", [table.as_str().into()]);
        let names = sqlite.query_all_raw(sql).await?;
        let mut names = names.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>, _>>()?;
        names.sort_unstable();
        if !names.iter().eq(columns.keys()) {
            return Err(CopyError::Schema(format!("table {table:?} has not the same columns in both")));
        }
        all.insert(table, columns);
    }
    Ok(all)
}

async fn columns(postgres: &DatabaseTransaction, table: &str) -> Result<Columns, CopyError> {
    let sql = "SELECT column_name::text, data_type::text FROM information_schema.columns \
               WHERE table_schema = current_schema() AND table_name = $1";
    let rows = postgres.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [table.into()])).await?;
    let mut columns = Columns::new();
    for row in rows {
        let (column, found): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let sort = match found.as_str() {
            "bigint" => Sort::Number,
            "boolean" => Sort::Flag,
            "text" | "character varying" => Sort::Text,
            "bytea" => Sort::Bytes,
            _ => return Err(CopyError::Column { table: table.into(), column, found }),
        };
        columns.insert(column, sort);
    }
    Ok(columns)
}

fn backend(side: &DatabaseTransaction) -> DbBackend {
    ConnectionTrait::get_database_backend(side)
}

async fn count(side: &DatabaseTransaction, table: &str) -> Result<u64, DbErr> {
    let query = Query::select().expr(Expr::cust("count(*)")).from(Alias::new(table)).to_owned();
    let row = side.query_one(&query).await?;
    let rows = row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.unwrap_or(0);
    Ok(u64::try_from(rows).unwrap_or(0))
}

fn everything(side: &DatabaseTransaction, table: &str, columns: &Columns) -> Statement {
    let query = Query::select().columns(columns.keys().map(Alias::new)).from(Alias::new(table)).to_owned();
    backend(side).build(&query)
}

/// One row's values, in the order of the columns.
fn values(row: &QueryResult, columns: &Columns) -> Result<Vec<Value>, DbErr> {
    let value = |(index, sort): (usize, &Sort)| {
        Ok(match sort {
            Sort::Number => row.try_get_by_index::<Option<i64>>(index)?.into(),
            Sort::Flag => row.try_get_by_index::<Option<bool>>(index)?.into(),
            Sort::Text => row.try_get_by_index::<Option<String>>(index)?.map(without_nul).into(),
            Sort::Bytes => row.try_get_by_index::<Option<Vec<u8>>>(index)?.into(),
        })
    };
    columns.values().enumerate().map(value).collect()
}

async fn rows(
    from: &DatabaseTransaction,
    to: &DatabaseTransaction,
    (table, columns): (&str, &Columns),
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Digest, DbErr> {
    let most = (MOST_VALUES / columns.len().max(1)).clamp(1, MOST_ROWS);
    let (mut content, mut some, mut bytes) = (Content::default(), Vec::new(), 0usize);
    let mut rows = from.stream_raw(everything(from, table, columns)).await?;
    while let Some(row) = rows.try_next().await? {
        let values = values(&row, columns)?;
        content.add(&values);
        bytes = values.iter().map(size).fold(bytes, usize::saturating_add);
        some.push(values);
        if some.len() >= most || bytes >= MOST_BYTES {
            insert(to, table, columns, std::mem::take(&mut some)).await?;
            bytes = 0;
            progress(content.rows);
        }
    }
    insert(to, table, columns, some).await?;
    Ok(content.finish())
}

const fn size(value: &Value) -> usize {
    match value {
        Value::String(Some(text)) => text.len(),
        Value::Bytes(Some(bytes)) => bytes.len(),
        _ => 8,
    }
}

async fn insert(to: &DatabaseTransaction, table: &str, columns: &Columns, rows: Vec<Vec<Value>>) -> Result<(), DbErr> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut insert = Query::insert();
    insert.into_table(Alias::new(table)).columns(columns.keys().map(Alias::new));
    for row in rows {
        insert.values(row.into_iter().map(Expr::value)).map_err(|error| DbErr::Custom(error.to_string()))?;
    }
    to.execute(&insert).await.map(|_| ())
}

async fn content_of(side: &DatabaseTransaction, table: &str, columns: &Columns) -> Result<Digest, DbErr> {
    let mut content = Content::default();
    let mut rows = side.stream_raw(everything(side, table, columns)).await?;
    while let Some(row) = rows.try_next().await? {
        content.add(&values(&row, columns)?);
    }
    Ok(content.finish())
}

/// A digest over rows in any order: the two databases sort text differently. The sum of the rows' digests, which finds what is
/// missing, double or changed by mistake; it is no proof against somebody who looks for rows with the same sum.
#[derive(Default)]
struct Content {
    rows: u64,
    sum: [u64; 4],
}

impl Content {
    fn add(&mut self, values: &[Value]) {
        let mut fields = Fields::new("brevet row 1");
        for value in values {
            fields = match value {
                Value::BigInt(Some(number)) => fields.bytes(b"n").bytes(&number.to_be_bytes()),
                Value::Bool(Some(flag)) => fields.bytes(b"b").number(u64::from(*flag)),
                Value::String(Some(text)) => fields.bytes(b"t").text(text),
                Value::Bytes(Some(bytes)) => fields.bytes(b"y").bytes(bytes),
                _ => fields.bytes(b"-"),
            };
        }
        let digest = fields.finish();
        for (sum, part) in self.sum.iter_mut().zip(digest.as_bytes().as_chunks::<8>().0) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*part));
        }
        self.rows = self.rows.saturating_add(1);
    }

    fn finish(&self) -> Digest {
        self.sum.iter().fold(Fields::new("brevet table 1").number(self.rows), |fields, part| fields.number(*part)).finish()
    }
}

/// What the database numbers by itself goes on after the highest number that was ever given.
async fn go_on_counting(from: &DatabaseTransaction, to: &DatabaseTransaction) -> Result<(), CopyError> {
    let sql = "SELECT table_name::text, column_name::text FROM information_schema.columns \
               WHERE table_schema = current_schema() AND (is_identity = 'YES' OR column_default LIKE 'nextval(%')";
    for row in to.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await? {
        let (table, column): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let given = "SELECT seq FROM sqlite_sequence WHERE name = ?";
        let given = from.query_one_raw(Statement::from_sql_and_values(DbBackend::Sqlite, given, [table.as_str().into()])).await?;
        // No row was ever there: it begins at 1 by itself.
        let Some(given) = given.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.filter(|given| *given > 0) else { continue };
        let set = "SELECT setval(pg_get_serial_sequence(quote_ident($1), $2), $3)";
        let set = Statement::from_sql_and_values(DbBackend::Postgres, set, [table.as_str().into(), column.into(), given.into()]);
        to.query_one_raw(set).await.map_err(|source| CopyError::Table { table, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_depends_on_every_value_and_not_on_the_order_of_rows() {
        let content = |rows: &[[Value; 2]]| {
            let mut content = Content::default();
            rows.iter().for_each(|row| content.add(row));
            content.finish()
        };
        let row = |n: i64, text: &str| [Value::from(n), Value::from(text)];
        let whole = content(&[row(1, "a"), row(2, "b")]);
        assert_eq!(content(&[row(2, "b"), row(1, "a")]), whole);
        let others = [
            content(&[row(1, "a")]),
            content(&[row(1, "a"), row(2, "b"), row(2, "b")]),
            content(&[row(1, "b"), row(2, "a")]),
            content(&[row(1, "a"), [Value::from(2i64), Value::String(None)]]),
            content(&[row(1, "a"), [Value::from(2i64), Value::from("")]]),
            content(&[row(1, "a"), [Value::from("2"), Value::from("b")]]),
        ];
        for (n, other) in others.iter().enumerate() {
            assert!(*other != whole && others.iter().filter(|it| *it == other).count() == 1, "{n}");
        }
    }
}
