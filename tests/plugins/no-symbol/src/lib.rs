//! A shared library without a plugin's entry.
