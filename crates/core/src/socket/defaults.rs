//! What a call answers on a socket of a kind that does not have it.
