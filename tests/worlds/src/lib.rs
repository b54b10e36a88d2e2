//! Hosts and hostile wires in virtual time.
