//! Which flow a frame belongs to.
use sockeye_wire::{Frame, IpProtocol, IpView};

/// A number for the frame's flow: its addresses, protocol and ports. Frames whose ports can't be read, such as fragments, share
/// the flow of their addresses. Without the seed nobody can choose flows that meet.
pub(super) fn hash(frame: &Frame, seed: u64) -> u64 {
    let Ok(ip) = frame.ip() else {
        return mix(seed);
    };
    let mut state = mix(seed);
    let mut add = |bytes: &[u8]| {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            state = mix(state ^ u64::from_le_bytes(word));
        }
    };
    match ip {
        IpView::V4(view) => {
            add(&view.source().octets());
            add(&view.destination().octets());
        }
        IpView::V6(view) => {
            add(&view.source().octets());
            add(&view.destination().octets());
        }
    }
    let Ok(layout) = frame.layout() else {
        return state;
    };
    add(&[u8::from(layout.protocol)]);
    let has_ports = matches!(
        layout.protocol,
        IpProtocol::TCP | IpProtocol::UDP | IpProtocol::UDP_LITE
    );
    if has_ports && !layout.fragment {
        let ports = frame.headers.get(layout.transport..);
        add(ports.and_then(|bytes| bytes.get(..4)).unwrap_or_default());
    }
    state
}

/// The finalizer of SplitMix64.
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
