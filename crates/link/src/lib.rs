//! What packets travel on: wires, impairments and pcapng capture.
