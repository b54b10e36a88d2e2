//! A frame as it would look on a wire.
use sockeye_wire::{Frame, Headers, IpProtocol, Ipv6View, Payload, ipv6};

/// The bytes of a frame in pieces: nothing of the payload is copied until it is written.
///
/// Checksums that were left out are filled in. A super-segment whose length does not fit its IP header goes out as Linux shows
/// it: over IPv4 with a length of zero, which readers take as "segmentation offload"; over IPv6 as a jumbogram, because readers
/// take a length of zero there as no payload.
pub(super) struct WireBytes<'a> {
    headers: Headers,
    payload: &'a Payload,
}

impl<'a> WireBytes<'a> {
    pub(super) fn of(frame: &'a Frame) -> Self {
        let mut complete = frame.clone();
        complete.complete_checksum();
        let mut headers = complete.headers;
        if let Some(with_jumbo) = with_jumbo_payload(&headers, frame.payload.len()) {
            headers = with_jumbo;
        }
        WireBytes {
            headers,
            payload: &frame.payload,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.headers.len() + self.payload.len()
    }

    /// Appends the first `count` bytes to `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>, count: usize) {
        let mut left = count;
        let chunks = self.payload.chunks().map(|chunk| &**chunk);
        for piece in core::iter::once(&*self.headers).chain(chunks) {
            let piece = piece.get(..left).unwrap_or(piece);
            out.extend_from_slice(piece);
            left -= piece.len();
        }
    }
}

/// RFC 2675: the same headers with a jumbo payload option, if the payload length needs one and there is none.
fn with_jumbo_payload(headers: &Headers, payload: usize) -> Option<Headers> {
    let view = Ipv6View::parse(headers).ok()?;
    let (fixed, rest) = headers.split_at_checked(ipv6::HEADER_LEN)?;
    let length = rest.len() + payload;
    if length <= usize::from(u16::MAX) || view.next_header() == IpProtocol::HOP_BY_HOP {
        return None;
    }
    let mut result = Headers::from(fixed);
    if let Some(next) = result.get_mut(6) {
        *next = IpProtocol::HOP_BY_HOP.0;
    }
    let length = u32::try_from(length + 8).ok()?;
    ipv6::emit_jumbo_payload(view.next_header(), length, &mut result);
    result.extend_from_slice(rest);
    Some(result)
}
