//! The steps of the database, in their order. Each slice owns the tables of its steps.

use store::Migration;

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "sites",
        sql: crate::sites::TABLES,
    },
    Migration {
        name: "pings",
        sql: crate::pings::TABLES,
    },
];
