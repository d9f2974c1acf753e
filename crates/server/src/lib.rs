//! `brevet-server`: holds policy, routes requests, signs documents, keeps the audit log, serves the API.
//!
//! It never runs anything on a computer. Each feature is a folder with its routes, its store and its tests.

pub mod access;
pub mod agents;
pub mod app;
pub mod applications;
pub mod audit;
pub mod autonomous;
pub mod backup;
pub mod bootstrap;
pub mod break_glass;
pub mod cli;
pub mod clock;
pub mod computers;
pub mod config;
pub mod console;
pub mod definitions;
pub mod documents;
pub mod grants;
pub mod groups;
pub mod http;
pub mod keys;
pub mod lists;
pub mod migrate;
pub mod notification;
pub mod people;
pub mod policies;
pub mod proposals;
pub mod replicas;
pub mod requests;
pub mod restore;
pub mod retention;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod status;
pub mod store;
pub mod sweep;
pub mod tls;
pub mod tokens;
