//! The command line as a user meets it: exit codes, messages, files.

mod apply;
mod examples;
mod inspect;
mod plugin;
mod refused;
mod run;
mod support;
