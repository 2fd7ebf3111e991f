//! What must stand in a file for what a condition asks of it as a Windows program.

use yara_x_parser::ast::{Expr, FuncCall};

use super::literal::Literal;
use super::needed::Needed;

/// `pe.imphash() == "…"`, in either order.
pub(super) fn same_imports(left: &Expr<'_>, right: &Expr<'_>) -> Option<Needed> {
    let (call, text) = match (left, right) {
        (Expr::FuncCall(call), Expr::LiteralString(text))
        | (Expr::LiteralString(text), Expr::FuncCall(call)) => (call, text),
        _ => return None,
    };
    if !is_of_pe(call, "imphash") || !call.args.is_empty() {
        return None;
    }
    let (literal, chance) = Literal::imports(&text.value)?;
    Some(Needed::one(literal, chance))
}

/// `pe.exports("…")`: names of functions stand in the file as they are.
pub(super) fn exported(call: &FuncCall<'_>) -> Option<Needed> {
    let [Expr::LiteralString(name)] = call.args.as_slice() else {
        return None;
    };
    if !is_of_pe(call, "exports") {
        return None;
    }
    let (literal, chance) = Literal::plain(&name.value)?;
    Some(Needed::one(literal, chance))
}

fn is_of_pe(call: &FuncCall<'_>, function: &str) -> bool {
    let module = match &call.object {
        Some(Expr::Ident(module)) => module.name,
        _ => "",
    };
    module == "pe" && call.identifier.name == function
}
