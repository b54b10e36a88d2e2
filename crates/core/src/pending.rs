//! Blocking as a value: a call that cannot finish yet, resumed when readiness changes.
