//! TCP options, in their order and with their padding.

use crate::ast::TcpOption;

const FAST_OPEN_MAGIC: [u8; 2] = [0xf9, 0x89];

/// The bytes of options. Numbers are live ones.
pub(crate) fn encode(options: &[TcpOption]) -> Vec<u8> {
    let mut out = Vec::new();
    for option in options {
        match option {
            TcpOption::Nop => out.push(1),
            TcpOption::End => out.push(0),
            TcpOption::Mss(mss) => put(&mut out, 2, &mss.to_be_bytes()),
            TcpOption::WindowScale(scale) => put(&mut out, 3, &[*scale]),
            TcpOption::SackOk => put(&mut out, 4, &[]),
            TcpOption::Sack(blocks) => {
                let ends = blocks.iter().flat_map(|(start, end)| [*start, *end]);
                let bytes: Vec<u8> = ends.flat_map(u32::to_be_bytes).collect();
                put(&mut out, 5, &bytes);
            }
            TcpOption::Timestamps { value, echo } => {
                put(
                    &mut out,
                    8,
                    &[value.to_be_bytes(), echo.to_be_bytes()].concat(),
                );
            }
            TcpOption::Md5 => put(&mut out, 19, &[0; 16]),
            TcpOption::FastOpen(cookie) => put(&mut out, 34, cookie),
            TcpOption::FastOpenExperiment(cookie) => {
                put(
                    &mut out,
                    254,
                    &[&FAST_OPEN_MAGIC, cookie.as_slice()].concat(),
                );
            }
            TcpOption::Other(kind, data) => put(&mut out, *kind, data),
            TcpOption::Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
    out
}

/// How long options are.
pub(crate) fn length(options: &[TcpOption]) -> usize {
    encode(options).len()
}

fn put(out: &mut Vec<u8>, kind: u8, data: &[u8]) {
    out.push(kind);
    out.push(u8::try_from(data.len() + 2).unwrap_or(u8::MAX));
    out.extend_from_slice(data);
}

/// The options in a header; those of a broken length end the list.
pub(crate) fn decode(mut bytes: &[u8]) -> Vec<TcpOption> {
    let mut options = Vec::new();
    while let Some((kind, rest)) = bytes.split_first() {
        match kind {
            0 => options.push(TcpOption::End),
            1 => options.push(TcpOption::Nop),
            kind => {
                let length = rest.first().copied().map_or(0, usize::from);
                let Some(data) = bytes.get(2..length) else {
                    break;
                };
                options.push(one(*kind, data));
                bytes = bytes.get(length..).unwrap_or_default();
                continue;
            }
        }
        bytes = rest;
    }
    options
}

fn one(kind: u8, data: &[u8]) -> TcpOption {
    let words: Vec<u32> = data
        .chunks_exact(4)
        .map(|four| {
            four.iter()
                .fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
        })
        .collect();
    match (kind, data) {
        (2, [a, b]) => TcpOption::Mss(u16::from_be_bytes([*a, *b])),
        (3, [scale]) => TcpOption::WindowScale(*scale),
        (4, []) => TcpOption::SackOk,
        (5, data) if data.len() % 8 == 0 => TcpOption::Sack(
            words
                .chunks_exact(2)
                .map(|pair| (pair[0], pair[1]))
                .collect(),
        ),
        (8, data) if data.len() == 8 => TcpOption::Timestamps {
            value: words.first().copied().unwrap_or(0),
            echo: words.get(1).copied().unwrap_or(0),
        },
        (19, data) if data.len() == 16 => TcpOption::Md5,
        (34, cookie) => TcpOption::FastOpen(cookie.to_vec()),
        (254, [0xf9, 0x89, cookie @ ..]) => TcpOption::FastOpenExperiment(cookie.to_vec()),
        (kind, data) => TcpOption::Other(kind, data.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_keep_their_order_and_padding() {
        let options = vec![
            TcpOption::Mss(1460),
            TcpOption::Nop,
            TcpOption::Nop,
            TcpOption::Timestamps { value: 1, echo: 2 },
            TcpOption::Sack(vec![(1, 2), (3, u32::MAX)]),
            TcpOption::FastOpen(vec![1, 2, 3, 4]),
            TcpOption::FastOpenExperiment(Vec::new()),
            TcpOption::Other(200, vec![9]),
            TcpOption::End,
        ];
        assert_eq!(decode(&encode(&options)), options);
        assert_eq!(decode(&[1, 8, 0]), [TcpOption::Nop]);
    }
}
