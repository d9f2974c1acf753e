//! `brevet_core::decide` over a compiled set, as the broker holds it.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::Result;
use brevet_core::decide::{Decision, Fixed, Launch, Policies};

use crate::Engine;
use crate::set::{Answer, Case, STANDING, Written};

pub struct Ours {
    set: Policies,
    launches: Vec<Launch>,
}

impl Ours {
    pub fn load(set: &[Written], cases: &[Case]) -> Self {
        let set = Policies::compile(set.iter().map(|w| Arc::new(w.document.clone())).collect());
        Self { set, launches: cases.iter().map(|c| c.launch.clone()).collect() }
    }

    fn run(&self, case: usize) -> Decision {
        self.set.decide(|_| Fixed::NotStarted, &[], &self.launches[case], &STANDING)
    }
}

impl Engine for Ours {
    fn answer(&mut self, case: usize) -> Result<Answer> {
        Ok(match self.run(case) {
            Decision::Refuse(_) => Answer::Refuse,
            Decision::Elevate(_) => Answer::Elevate,
            Decision::Ask(_) => Answer::Ask,
        })
    }

    fn decide(&mut self, case: usize) {
        let _ = black_box(self.run(black_box(case)));
    }
}
