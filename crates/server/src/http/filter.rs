//! What lists are chosen by.

use brevet_api::rest::Code;
use sea_orm::ColumnTrait;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LikeExpr, SimpleExpr};

use super::failure::{Failure, Outcome};

/// Longer texts would find nothing either.
const MOST_TEXT: usize = 200;

/// Whether a column of text has this part, in any case.
///
/// # Errors
/// `malformed` where the part is empty or too long.
pub fn has_part<C: ColumnTrait>(column: C, part: &str) -> Outcome<SimpleExpr> {
    let literally = wanted(part)?.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Ok(Expr::expr(Func::lower(Expr::col(column.as_column_ref()))).like(LikeExpr::new(format!("%{literally}%")).escape('\\')))
}

/// A part to look for in texts that are in memory, without its case.
///
/// # Errors
/// `malformed` where it is empty or too long.
pub fn wanted(part: &str) -> Outcome<String> {
    if part.is_empty() || part.chars().count() > MOST_TEXT {
        return Err(Failure::new(Code::Malformed).because(format!("a part to look for must have from 1 to {MOST_TEXT} characters")));
    }
    Ok(part.to_lowercase())
}

/// Whether one of these texts has it.
pub fn any_has<'a>(texts: impl IntoIterator<Item = &'a str>, wanted: &str) -> bool {
    texts.into_iter().any(|text| text.to_lowercase().contains(wanted))
}
