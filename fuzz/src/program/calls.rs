//! Statements that call: helpers whose results every kernel agrees on, and functions.

use skep_isa::{Callee, Op, Operand, Reg, Size};
use skep_uapi::{Helper, ProgType};

use super::generate::{Base, BaseKind, Generator, KEY, WORDS, load, mov, store};
use super::kernels::MAPS;
use super::sketch::Item;

/// Fields of `struct xdp_md` and `struct __sk_buff` that hold numbers.
const XDP_FIELDS: [i16; 2] = [12, 16];
const SKB_FIELDS: [i16; 12] = [0, 4, 8, 12, 16, 20, 24, 32, 36, 40, 48, 64];
const SKB_CB: i16 = 48;

/// Helpers whose results are those of one machine at one time.
pub const UNLIKE: [Helper; 3] =
    [Helper::KTIME_GET_NS, Helper::GET_SMP_PROCESSOR_ID, Helper::GET_PRANDOM_U32];

impl Generator<'_> {
    /// Anything that leaves the program for a moment, or asks its context.
    pub fn call(&mut self) {
        let xdp = self.prog_type == ProgType::XDP;
        match self.random.below(9) {
            0 if !self.functions.is_empty() => self.local(),
            1 if !self.functions.is_empty() => self.local(),
            0 | 2 if self.base.is_none_or(|base| base.kind != BaseKind::Value) => self.change_map(),
            3 if !self.in_function && xdp && self.base.is_none() => self.adjust(),
            4 if !self.in_function && xdp => self.copy_frame(),
            4 if !self.in_function => self.load_bytes(),
            5 if !self.in_function && self.may_load_packet => self.legacy_load(),
            6 if !self.in_function => self.context_field(),
            7 => self.unlike(),
            8 if !self.in_function && xdp => {
                self.point(Reg::R1, Reg::R6, 0);
                self.helper(Helper::XDP_GET_BUFF_LEN);
            }
            _ if xdp => self.checksum(),
            _ => self.arithmetic(),
        }
    }

    fn helper(&mut self, helper: Helper) {
        self.op(Op::Call(Callee::Helper(helper.0)));
        self.lose_arguments();
        self.set_number(Reg::R0);
    }

    /// A key of a map below the numbers on the stack: constant, or any of a few.
    pub fn make_key(&mut self, map: usize) {
        if self.random.once_in(2) {
            let key = self.random.below(MAPS[map].max_entries as usize + 2) as i32;
            self.op(store(Size::Dw, Reg::FP, -KEY, Operand::Imm(key)));
        } else {
            self.masked(Reg::R1, 7);
            self.op(store(Size::Dw, Reg::FP, -KEY, Operand::Reg(Reg::R1)));
        }
    }

    /// Update or delete. A value that somebody points to must not move, so no block has one.
    fn change_map(&mut self) {
        let map = self.random.below(MAPS.len());
        self.make_key(map);
        self.map_and_key(map);
        if self.random.once_in(3) {
            return self.helper(Helper::MAP_DELETE_ELEM);
        }
        self.point(Reg::R3, Reg::FP, -8 * WORDS);
        let flags = self.random.pick(&[0, 0, 1, 2, 3]);
        self.op(mov(Reg::R4, Operand::Imm(flags)));
        self.helper(Helper::MAP_UPDATE_ELEM);
    }

    /// Moves the bounds of the frame; the block that looks at it is over.
    fn adjust(&mut self) {
        let helper = self.random.pick(&[
            Helper::XDP_ADJUST_HEAD,
            Helper::XDP_ADJUST_TAIL,
            Helper::XDP_ADJUST_META,
        ]);
        self.point(Reg::R1, Reg::R6, 0);
        let by = 4 * self.random.below(16) as i32 - 32 + self.random.pick(&[0, 0, 0, 1]);
        self.op(mov(Reg::R2, Operand::Imm(by)));
        self.helper(helper);
    }

    /// Bytes of the frame to the stack or from there.
    fn copy_frame(&mut self) {
        let helper = self.random.pick(&[Helper::XDP_LOAD_BYTES, Helper::XDP_STORE_BYTES]);
        self.point(Reg::R1, Reg::R6, 0);
        self.masked(Reg::R2, 0x3f);
        self.point(Reg::R3, Reg::FP, -8 * WORDS);
        let len = 1 + self.random.below(64) as i32;
        self.op(mov(Reg::R4, Operand::Imm(len)));
        self.helper(helper);
    }

    fn load_bytes(&mut self) {
        let relative = self.random.once_in(3);
        self.point(Reg::R1, Reg::R6, 0);
        self.masked(Reg::R2, 0x7f);
        self.point(Reg::R3, Reg::FP, -8 * WORDS);
        let len = 1 + self.random.below(64) as i32;
        self.op(mov(Reg::R4, Operand::Imm(len)));
        if relative {
            let from = self.random.below(3) as i32;
            self.op(mov(Reg::R5, Operand::Imm(from)));
            return self.helper(Helper::SKB_LOAD_BYTES_RELATIVE);
        }
        self.helper(Helper::SKB_LOAD_BYTES);
    }

    /// A load of classic BPF.
    fn legacy_load(&mut self) {
        let size = self.random.pick(&[Size::B, Size::H, Size::W]);
        let imm = self.random.below(60) as i32;
        if self.random.once_in(2) {
            self.op(Op::LoadAbs { size, imm });
        } else {
            self.masked(Reg::R2, 0x1f);
            self.op(Op::LoadInd { size, src: Reg::R2, imm: imm / 2 });
        }
        self.lose_arguments();
        self.set_number(Reg::R0);
    }

    fn context_field(&mut self) {
        let dst = self.target();
        if self.prog_type == ProgType::XDP {
            let off = self.random.pick(&XDP_FIELDS);
            self.op(load(Size::W, dst, Reg::R6, off));
            return self.set_number(dst);
        }
        if self.random.once_in(4) {
            let (off, src) = (SKB_CB + 4 * self.random.below(5) as i16, self.operand());
            return self.op(store(Size::W, Reg::R6, off, src));
        }
        let (off, size) = (self.random.pick(&SKB_FIELDS), self.random.pick(&[Size::W, Size::H]));
        self.op(load(size, dst, Reg::R6, off));
        self.set_number(dst);
    }

    /// A helper whose result no two kernels share, so that it is thrown away.
    fn unlike(&mut self) {
        let helper = self.random.pick(&UNLIKE);
        self.helper(helper);
        self.op(mov(Reg::R0, Operand::Imm(9)));
    }

    fn checksum(&mut self) {
        self.point(Reg::R1, Reg::FP, -8 * WORDS);
        let [from, to] = [(); 2].map(|()| match self.random.below(4) {
            0 => self.random.below(36) as i32,
            _ => 4 * self.random.below(9) as i32,
        });
        self.op(mov(Reg::R2, Operand::Imm(from)));
        self.point(Reg::R3, Reg::FP, -4 * WORDS);
        self.op(mov(Reg::R4, Operand::Imm(to)));
        self.masked(Reg::R5, 0xffff);
        self.helper(Helper::CSUM_DIFF);
    }

    /// A call of a function: five numbers, or a part of the stack and four numbers.
    fn local(&mut self) {
        let function = self.random.below(self.functions.len());
        let takes_stack = function % 2 == 1;
        for number in 1..=5 {
            let reg = Reg::new(number).expect("below 10");
            if !self.is_number(reg) {
                let imm = self.random.imm();
                self.op(mov(reg, Operand::Imm(imm)));
            }
        }
        if takes_stack {
            self.point(Reg::R1, Reg::FP, -8 * WORDS);
        }
        let function = self.functions[function];
        self.called.push(function);
        self.items.push(Item::Call(function));
        self.lose_arguments();
        self.set_number(Reg::R0);
    }

    /// The functions, each of which may call those with a smaller number.
    pub fn bodies(&mut self) {
        self.in_function = true;
        let functions = std::mem::take(&mut self.functions);
        for (index, label) in functions.iter().enumerate().rev() {
            if !self.called.contains(label) {
                continue;
            }
            self.functions = functions[..index].to_vec();
            self.end = self.label();
            self.items.push(Item::Label(*label));
            let takes_stack = index % 2 == 1;
            self.set_numbers(if takes_stack { 0b11_1100 } else { 0b11_1110 });
            if takes_stack {
                self.op(mov(Reg::R7, Operand::Reg(Reg::R1)));
                self.base = Some(Base { bytes: 8 * WORDS, kind: BaseKind::Stack });
            }
            self.fill_stack();
            self.nested = 1;
            let count = 1 + self.random.below(8);
            self.statements(count);
            self.base = None;
            let result = self.number();
            self.op(mov(Reg::R0, Operand::Reg(result)));
            let end = self.end;
            self.items.push(Item::Label(end));
            self.op(Op::Exit);
        }
    }
}
