//! A small typed assembler for the part of classic BPF that seccomp takes.
//!
//! Programs are written forwards with labels; jumps only go forwards, as BPF demands.

use crate::sys::Instruction;

/// What the filter says about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The kernel carries it out.
    Allow,
    /// The supervisor answers it.
    Notify,
    /// It ends with this errno.
    Fail(u16),
}

impl Action {
    fn value(self) -> u32 {
        match self {
            Action::Allow => 0x7fff_0000,
            Action::Notify => 0x7fc0_0000,
            Action::Fail(errno) => 0x0005_0000 | u32::from(errno),
        }
    }
}

/// A place to jump to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// A field of `struct seccomp_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Number,
    Architecture,
    /// The low half of an argument.
    Low(u8),
    /// The high half of an argument.
    High(u8),
}

impl Field {
    fn offset(self) -> u32 {
        // The halves of the 64-bit arguments lie in the machine's byte order.
        let (low, high) = if cfg!(target_endian = "little") {
            (0, 4)
        } else {
            (4, 0)
        };
        match self {
            Field::Number => 0,
            Field::Architecture => 4,
            Field::Low(index) => 16 + 8 * u32::from(index) + low,
            Field::High(index) => 16 + 8 * u32::from(index) + high,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Plain(Instruction),
    /// Jump when the comparison holds (`true`) or doesn't (`false`).
    Branch {
        code: u16,
        constant: u32,
        when: bool,
        target: Label,
    },
}

/// A program that grows by one step a call.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    steps: Vec<Step>,
    labels: Vec<Option<usize>>,
}

const LOAD_WORD: u16 = 0x20;
const RETURN: u16 = 0x06;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;

impl Assembler {
    /// A label to be placed later.
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Places a label here.
    pub(crate) fn place(&mut self, label: Label) {
        self.labels[label.0] = Some(self.steps.len());
    }

    pub(crate) fn load(&mut self, field: Field) {
        self.plain(LOAD_WORD, field.offset());
    }

    pub(crate) fn finish_with(&mut self, action: Action) {
        self.plain(RETURN, action.value());
    }

    pub(crate) fn jump_if_equal(&mut self, constant: u32, target: Label) {
        self.steps.push(Step::Branch {
            code: JUMP_EQUAL,
            constant,
            when: true,
            target,
        });
    }

    pub(crate) fn jump_unless_equal(&mut self, constant: u32, target: Label) {
        self.steps.push(Step::Branch {
            code: JUMP_EQUAL,
            constant,
            when: false,
            target,
        });
    }

    pub(crate) fn jump_unless_at_least(&mut self, constant: u32, target: Label) {
        self.steps.push(Step::Branch {
            code: JUMP_AT_LEAST,
            constant,
            when: false,
            target,
        });
    }

    pub(crate) fn jump_if_any_bit(&mut self, constant: u32, target: Label) {
        self.steps.push(Step::Branch {
            code: JUMP_ANY_BIT,
            constant,
            when: true,
            target,
        });
    }

    fn plain(&mut self, code: u16, constant: u32) {
        self.steps.push(Step::Plain(Instruction {
            code,
            jump_true: 0,
            jump_false: 0,
            constant,
        }));
    }

    /// The instructions; `None` if a label was not placed or lies further than BPF jumps.
    pub(crate) fn assemble(self) -> Option<Vec<Instruction>> {
        self.steps
            .iter()
            .enumerate()
            .map(|(at, step)| match *step {
                Step::Plain(instruction) => Some(instruction),
                Step::Branch {
                    code,
                    constant,
                    when,
                    target,
                } => {
                    let distance = self
                        .labels
                        .get(target.0)
                        .copied()
                        .flatten()?
                        .checked_sub(at + 1)?;
                    let distance = u8::try_from(distance).ok()?;
                    let (jump_true, jump_false) = if when { (distance, 0) } else { (0, distance) };
                    Some(Instruction {
                        code,
                        jump_true,
                        jump_false,
                        constant,
                    })
                }
            })
            .collect()
    }
}
