//! The same socket calls on the kernel and on Sockeye, compared.
