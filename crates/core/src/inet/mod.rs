//! What the internet transports share: who holds which port, and whose packet it is.
pub(crate) mod bind_table;
