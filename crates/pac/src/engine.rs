//! Running a script within limits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use flows::audit::{PacAnswer, PacQuestion, PacRunner, PacWorld};
use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Object, Runtime, Value};

const PRELUDE: &str = include_str!("prelude.js");
/// Names that a script asked for and nobody gave, of one answer.
const MAX_MISSING: usize = 32;
/// Characters of an answer or an error that are kept.
const MAX_TEXT: usize = 4_096;

/// How much a script may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole engine.
    pub memory: usize,
    /// Bytes of the engine's stack.
    pub stack: usize,
    /// Looks at the clock's place: the engine asks about every 10,000 steps whether to go on.
    pub turns: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 32 * 1024 * 1024,
            stack: 256 * 1024,
            turns: 2_000,
        }
    }
}

/// Runs scripts in this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quick {
    pub limits: Limits,
}

/// What the script asked for that nobody said.
#[derive(Debug, Default)]
struct Asked {
    missing: RefCell<BTreeSet<String>>,
}

impl Asked {
    fn note(&self, what: String) {
        let mut missing = self.missing.borrow_mut();
        if missing.len() < MAX_MISSING {
            missing.insert(what);
        }
    }
}

impl PacRunner for Quick {
    fn run(
        &self,
        script: &str,
        questions: &[PacQuestion],
        world: &PacWorld,
    ) -> Result<Vec<PacAnswer>, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        runtime.set_memory_limit(self.limits.memory);
        runtime.set_max_stack_size(self.limits.stack);
        let turns = Arc::new(AtomicU32::new(0));
        let (counted, most) = (Arc::clone(&turns), self.limits.turns);
        runtime.set_interrupt_handler(Some(Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed) >= most
        })));
        let context = Context::full(&runtime).map_err(|error| error.to_string())?;
        let asked = Rc::new(Asked::default());
        context.with(|ctx| {
            furnish(&ctx, world, &asked).map_err(|error| error.to_string())?;
            ctx.eval::<(), _>(PRELUDE)
                .catch(&ctx)
                .map_err(|error| told(&error, false))?;
            let over = || turns.load(Ordering::Relaxed) > most;
            let _: Value<'_> = ctx
                .eval(script)
                .catch(&ctx)
                .map_err(|error| told(&error, over()))?;
            let function: Function<'_> = ctx
                .globals()
                .get("FindProxyForURL")
                .map_err(|_| "the script has no function FindProxyForURL".to_owned())?;
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions {
                asked.missing.borrow_mut().clear();
                let result: Result<Value<'_>, String> = function
                    .call((question.url.as_str(), question.host.as_str()))
                    .catch(&ctx)
                    .map_err(|error| told(&error, over()));
                let result = result.and_then(|value| match value.as_string() {
                    Some(text) => text
                        .to_string()
                        .map(|text| text.chars().take(MAX_TEXT).collect())
                        .map_err(|error| error.to_string()),
                    None => Err("FindProxyForURL returned something else than a text".to_owned()),
                });
                let missing = asked.missing.borrow().iter().cloned().collect();
                answers.push(PacAnswer { result, missing });
                if !over() {
                    turns.store(0, Ordering::Relaxed);
                }
            }
            Ok(answers)
        })
    }
}

fn told(error: &CaughtError<'_>, interrupted: bool) -> String {
    if interrupted {
        return "the script takes more steps than it may".to_owned();
    }
    let text = match error {
        CaughtError::Exception(exception) => exception.message().unwrap_or_default(),
        CaughtError::Value(value) => format!("{value:?}"),
        CaughtError::Error(error) => error.to_string(),
    };
    format!(
        "the script fails: {}",
        text.chars().take(MAX_TEXT).collect::<String>()
    )
}

/// The object that the prelude takes its answers from.
fn furnish(ctx: &Ctx<'_>, world: &PacWorld, asked: &Rc<Asked>) -> rquickjs::Result<()> {
    let host = Object::new(ctx.clone())?;
    let world = Rc::new(world.clone());
    let resolve = |world: &PacWorld, asked: &Asked, name: &str| -> Vec<IpAddr> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return vec![address];
        }
        match world.addresses.get(&name.to_ascii_lowercase()) {
            Some(found) => found.clone(),
            None => {
                asked.note(format!(
                    "the addresses of {}",
                    name.chars().take(253).collect::<String>()
                ));
                Vec::new()
            }
        }
    };
    let (known, noted) = (Rc::clone(&world), Rc::clone(asked));
    host.set(
        "resolve",
        Function::new(ctx.clone(), move |name: String| -> Option<String> {
            resolve(&known, &noted, &name)
                .into_iter()
                .find(IpAddr::is_ipv4)
                .map(|address| address.to_string())
        })?,
    )?;
    let (known, noted) = (Rc::clone(&world), Rc::clone(asked));
    host.set(
        "resolveAll",
        Function::new(ctx.clone(), move |name: String| -> String {
            let found: Vec<String> = resolve(&known, &noted, &name)
                .iter()
                .map(ToString::to_string)
                .collect();
            found.join(";")
        })?,
    )?;
    let (known, noted) = (Rc::clone(&world), Rc::clone(asked));
    host.set(
        "my",
        Function::new(ctx.clone(), move || -> String {
            if known.my_address.is_none() {
                noted.note("the address of the one who asks".to_owned());
            }
            known
                .my_address
                .map_or_else(|| "127.0.0.1".to_owned(), |address| address.to_string())
        })?,
    )?;
    host.set(
        "inNet",
        Function::new(ctx.clone(), |address: String, prefix: String| -> bool {
            match (address.parse::<IpAddr>(), prefix.parse::<ipnet::IpNet>()) {
                (Ok(address), Ok(prefix)) => prefix.contains(&address),
                _ => false,
            }
        })?,
    )?;
    let noted = Rc::clone(asked);
    let told_hour = Rc::new(Cell::new(world.now_milliseconds));
    let hour = Rc::clone(&told_hour);
    host.set(
        "now",
        Function::new(ctx.clone(), move || hour.get().unwrap_or(0.0))?,
    )?;
    host.set(
        "note",
        Function::new(ctx.clone(), move |_: String| {
            if told_hour.get().is_none() {
                noted.note("the hour".to_owned());
            }
        })?,
    )?;
    ctx.globals().set("__host", host)
}
