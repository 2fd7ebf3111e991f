//! One set of definitions in use, and the template that workers with them are made from.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::DefinitionRevision;
use scan::yara::RulePart;
use scan::{Counts, DefinitionsFile, PublicKey, TrustedKeys, VerifyMode};

use crate::child::Worker;
use crate::map;
use crate::pool::{PoolConfig, PoolError, Verify};
use crate::sealed::Sealed;
use crate::template::{Template, TemplateError};

/// One set of definitions. Its template is started anew when it is lost.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) revision: DefinitionRevision,
    pub(crate) signer: PublicKey,
    pub(crate) counts: Counts,
    sealed: Sealed,
    trusted: TrustedKeys,
    template: Mutex<Option<Arc<Template>>>,
    /// Parts of the YARA rules that files needed, besides those that a template begins with: its
    /// next worker has them from it.
    needed: Mutex<BTreeSet<RulePart>>,
}

/// The place of a template, while nobody else may use it.
pub(crate) type Place<'g> = MutexGuard<'g, Option<Arc<Template>>>;

impl Generation {
    /// Checks the signature of definitions, and every page of them if the pool is to.
    pub(crate) fn check(
        sealed: Sealed,
        trusted: &TrustedKeys,
        verify: Verify,
        number: u64,
    ) -> Result<Self, PoolError> {
        match verify {
            Verify::WhenTouched => {}
            Verify::EveryPage => {
                let (mut bytes, length) = sealed.reader()?;
                scan::check_whole(&mut bytes, length, trusted)?;
            }
        }
        let mapped = map::map(&sealed).map_err(PoolError::Map)?;
        let file = DefinitionsFile::open(mapped, trusted, VerifyMode::WhenTouched)?;
        Ok(Self {
            number,
            revision: file.revision(),
            signer: file.signer(),
            counts: file.counts(),
            sealed,
            trusted: trusted.clone(),
            template: Mutex::new(None),
            needed: Mutex::new(BTreeSet::new()),
        })
    }

    pub(crate) fn place(&self) -> Place<'_> {
        self.template.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a template in a place; its definitions are not loaded yet.
    pub(crate) fn open(&self, config: &PoolConfig, place: &mut Place<'_>) -> Result<(), PoolError> {
        let template = Template::start(
            &config.worker,
            &self.sealed,
            &self.trusted,
            config.memory_bytes,
            config.start_time,
        );
        **place = Some(Arc::new(template.map_err(no_worker)?));
        Ok(())
    }

    /// Notes parts of the YARA rules that files needed.
    pub(crate) fn need(&self, parts: impl IntoIterator<Item = RulePart>) {
        let mut needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed.extend(parts);
    }

    /// The parts of the YARA rules that files needed, besides those that a template begins with.
    pub(crate) fn needed(&self) -> BTreeSet<RulePart> {
        let needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed.clone()
    }

    /// Loads the definitions of the template in a place, with these parts of the YARA rules besides.
    /// One that can't load them is given up.
    pub(crate) fn load(
        config: &PoolConfig,
        place: &mut Place<'_>,
        parts: &BTreeSet<RulePart>,
    ) -> Result<(), PoolError> {
        let loaded = place.as_ref().map_or(Ok(()), |template| {
            template.load(config.start_time)?;
            template.load_parts(parts, config.start_time)
        });
        loaded.map_err(|error| {
            **place = None;
            no_worker(error)
        })
    }

    /// Gives up the template. It ends when its last worker does.
    pub(crate) fn end(&self) {
        let template = self.place().take();
        drop(template);
    }

    /// Makes a worker, and the template first if there is none.
    pub(crate) fn worker(&self, config: &PoolConfig) -> Result<Worker, PoolError> {
        let template = self.template(config)?;
        match self.fork(&template, config) {
            Err(TemplateError::Gone(reason)) => {
                tracing::warn!("the template of workers was lost, and is started again: {reason}");
                let mut place = self.place();
                if place
                    .as_ref()
                    .is_some_and(|have| Arc::ptr_eq(have, &template))
                {
                    *place = None;
                }
                drop(place);
                let again = self.template(config)?;
                self.fork(&again, config).map_err(no_worker)
            }
            other => other.map_err(no_worker),
        }
    }

    /// The process number of the template, while there is one.
    pub(crate) fn template_process(&self) -> Option<u32> {
        self.place().as_ref().map(|template| template.id())
    }

    fn template(&self, config: &PoolConfig) -> Result<Arc<Template>, PoolError> {
        let mut place = self.place();
        if place.is_none() {
            self.open(config, &mut place)?;
            // What files needed is loaded before a fork: a part of it that was damaged meanwhile is
            // no reason to scan nothing.
            Self::load(config, &mut place, &BTreeSet::new())?;
        }
        place.clone().ok_or_else(|| PoolError::NoWorker {
            reason: "there is no template".into(),
        })
    }

    fn fork(&self, template: &Arc<Template>, config: &PoolConfig) -> Result<Worker, TemplateError> {
        match template.load_parts(&self.needed(), config.start_time) {
            Ok(()) => {}
            // A worker could load them a moment ago. What files lack of them, their verdicts tell.
            Err(TemplateError::Refused(reason)) => {
                tracing::warn!("YARA rules could not be loaded for all workers: {reason}");
            }
            Err(error @ TemplateError::Gone(_)) => return Err(error),
        }
        Worker::start(Arc::clone(template), config.start_time, self.number)
    }
}

fn no_worker(error: TemplateError) -> PoolError {
    PoolError::NoWorker {
        reason: error.to_string(),
    }
}
