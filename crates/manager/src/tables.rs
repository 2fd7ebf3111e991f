//! Every table of the manager, in the order in which they were added. Each slice writes down its
//! own; a released step is never changed.

use store::Migration;

pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "site",
        sql: crate::site::TABLES,
    },
    Migration {
        name: "access",
        sql: crate::access::TABLES,
    },
    Migration {
        name: "audit",
        sql: crate::audit::TABLES,
    },
    Migration {
        name: "policies",
        sql: crate::policies::TABLES,
    },
    Migration {
        name: "groups",
        sql: crate::groups::TABLES,
    },
    Migration {
        name: "devices",
        sql: crate::devices::TABLES,
    },
    Migration {
        name: "detections",
        sql: crate::detections::TABLES,
    },
    Migration {
        name: "definitions",
        sql: crate::definitions::TABLES,
    },
    Migration {
        name: "enrolment",
        sql: crate::enrolment::TABLES,
    },
    Migration {
        name: "commands",
        sql: crate::commands::TABLES,
    },
    Migration {
        name: "scans",
        sql: crate::scans::TABLES,
    },
    Migration {
        name: "events",
        sql: crate::events::TABLES,
    },
    Migration {
        name: "cloud",
        sql: crate::cloud::TABLES,
    },
    Migration {
        name: "idempotency",
        sql: crate::web::idempotency::TABLES,
    },
    Migration {
        name: "connections",
        sql: crate::connections::TABLES,
    },
];
