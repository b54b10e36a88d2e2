//! Berkeley sockets in user space: an embeddable network host.
