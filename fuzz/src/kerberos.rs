//! What domain controllers answer, and the files of Kerberos.

use net::fuzzing::{kerberos_answer, kerberos_answer_of, kerberos_cache, kerberos_settings};

use crate::Target;
use crate::der::{der, numbered, small};

/// More tickets of one cache are not looked at.
const MOST_TICKETS: usize = 1024;
/// More domain controllers of a realm are not kept.
const MOST_KDCS: usize = 8;

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Vec<u8>>) -> Target {
    Target {
        name,
        run,
        seeds,
        words: &["krbtgt", "CORP.TEST", "20260101000000Z"],
        most_bytes: 4 << 10,
        short: 1000,
    }
}

fn text(text: &str) -> Vec<u8> {
    der(0x1b, &[text.as_bytes()])
}

fn name(kind: u8, parts: &[&str]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|part| text(part)).collect();
    let fields = [
        numbered(0, &small(kind)),
        numbered(1, &der(0x30, &[&parts])),
    ]
    .concat();
    der(0x30, &[&fields])
}

fn time() -> Vec<u8> {
    der(0x18, &[b"20330518033320Z"])
}

/// How keys are made of passwords (ETYPE-INFO2), in a row of PA-DATA.
fn keys() -> Vec<u8> {
    let parameters = numbered(2, &der(4, &[&[0, 0, 16, 0]]));
    let salt = numbered(1, &text("CORP.TESTeve"));
    let entry = der(0x30, &[&numbered(0, &small(18)), &salt, &parameters]);
    let list = der(0x30, &[&entry]);
    let row = [numbered(1, &small(19)), numbered(2, &der(4, &[&list]))].concat();
    der(0x30, &[&der(0x30, &[&row])])
}

/// An answer whose sealed part nobody can open.
fn ticket() -> Vec<u8> {
    let sealed = [numbered(0, &small(18)), numbered(2, &der(4, &[&[7; 60]]))].concat();
    let inner = [
        numbered(1, &text("CORP.TEST")),
        numbered(2, &name(2, &["krbtgt", "CORP.TEST"])),
    ]
    .concat();
    let fields = [
        numbered(2, &keys()),
        numbered(3, &text("CORP.TEST")),
        numbered(4, &name(1, &["eve"])),
        numbered(5, &der(0x61, &[&der(0x30, &[&inner])])),
        numbered(6, &der(0x30, &[&sealed])),
    ];
    der(0x6b, &[&der(0x30, &[&fields.concat()])])
}

fn refusal() -> Vec<u8> {
    let fields = [
        numbered(4, &time()),
        numbered(6, &small(25)),
        numbered(12, &der(4, &[&keys()])),
    ];
    der(0x7e, &[&der(0x30, &[&fields.concat()])])
}

pub(crate) const ANSWERS: Target = target(
    "kerberos-answers",
    |bytes| {
        let _ = kerberos_answer(bytes);
    },
    || vec![ticket(), refusal()],
);

/// What a domain controller says to whom knows the key.
pub(crate) const PARTS: Target = target(
    "kerberos-parts",
    |bytes| {
        let answer = kerberos_answer_of(bytes).expect("it can be sealed");
        let _ = kerberos_answer(&answer);
    },
    || {
        let key = [numbered(0, &small(18)), numbered(1, &der(4, &[&[9; 32]]))].concat();
        let fields = [
            numbered(0, &der(0x30, &[&key])),
            numbered(2, &small(5)),
            numbered(7, &time()),
        ];
        vec![der(0x79, &[&der(0x30, &[&fields.concat()])])]
    },
);

pub(crate) const CACHE: Target = target(
    "kerberos-caches",
    |bytes| assert!(kerberos_cache(bytes) <= MOST_TICKETS),
    || {
        let data = |bytes: &[u8]| [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
        let principal = |parts: &[&str]| {
            let mut whole = [1u32.to_be_bytes(), (parts.len() as u32).to_be_bytes()].concat();
            whole.extend(data(b"CORP.TEST"));
            whole.extend(parts.iter().flat_map(|part| data(part.as_bytes())));
            whole
        };
        let mut whole = vec![5, 4, 0, 3, 7, 7, 7];
        whole.extend(principal(&["eve"]));
        for service in [&["krbtgt", "CORP.TEST"], &["HTTP", "p.corp.test"]] {
            whole.extend(principal(&["eve"]));
            whole.extend(principal(service));
            whole.extend([0, 18]);
            whole.extend(data(&[9; 32]));
            // Four times, a flag, and flags.
            whole.extend([[0, 0, 0, 1]; 4].concat());
            whole.extend([0; 5]);
            // No address, and one authorisation.
            whole.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
            whole.extend(data(b"x"));
            whole.extend(data(b"the ticket"));
            whole.extend(data(b""));
        }
        vec![whole]
    },
);

pub(crate) const SETTINGS: Target = Target {
    words: &[
        "[realms]\n",
        "[libdefaults]\n",
        "[domain_realm]\n",
        "kdc = ",
        "= {\n",
        "}\n",
        "default_realm = ",
        "tcp/[",
    ],
    ..target(
        "kerberos-settings",
        |bytes| assert!(kerberos_settings(&String::from_utf8_lossy(bytes)) <= MOST_KDCS),
        || {
            vec![b"[libdefaults]\ndefault_realm = CORP.TEST\ndefault_ccache_name = FILE:/run/c_%{uid}\n[realms]\nCORP.TEST = {\n kdc = dc.corp.test\n kdc = tcp/[2001:db8::1]:1088\n x = {\n y = z\n }\n}\n[domain_realm]\n.corp.test = CORP.TEST\np.corp.test = CORP.TEST\n".to_vec()]
        },
    )
};
