//! The files of an output: what a crash leaves, links to other models' data, leftovers.
#![cfg(unix)]

mod crash;
mod leftovers;
mod links;
mod support;
