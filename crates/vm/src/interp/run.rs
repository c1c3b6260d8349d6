//! The loop: one `match` over the opcode of the cell at `pc`.
//!
//! Registers are an array on the host's stack and `pc` is a pointer into the cells, both local
//! variables, so that the compiler keeps the pointer in a machine register. The loop is not
//! generic: it is compiled once, here, at this crate's optimisation level.

use skep_isa::{AluOp, Cond, Reg, Size, Swap, Width};

use super::cell::{Cell, Fast, families};
use super::code::Code;
use super::stack::{Frame, Stack};
use crate::alu::{alu, movsx, neg, sign_extend, swap, taken};
use crate::raw::{Atomic, load, store};
use crate::{Host, LOOP_BUDGET};

/// Runs from the cell `entry` until that function exits; the result is r0.
///
/// # Safety
/// The verifier accepted the program that `code` was made of, for a caller that passes these
/// arguments and a host that answers helpers as their prototypes say.
#[expect(clippy::too_many_lines, reason = "a flat match, an arm for each kind of cell")]
pub(super) unsafe fn run(
    code: &Code,
    entry: usize,
    args: [u64; 5],
    host: &mut dyn Host,
    stack: &mut Stack,
) -> u64 {
    let cells = code.cells();
    let mut pc = cell_at(cells, entry);
    let mut regs = Registers([0; Reg::COUNT]);
    regs.0[1..6].copy_from_slice(&args);
    regs.0[FP] = stack.top();
    let mut depth = 0;
    let mut loops = LOOP_BUDGET;

    // Leaves the current function.
    macro_rules! exit {
        () => {{
            if depth == 0 {
                return regs.0[R0];
            }
            depth -= 1;
            let frame = &stack.frames[depth];
            regs.0[6..10].copy_from_slice(&frame.saved);
            regs.0[FP] = frame.fp;
            pc = cell_at(cells, frame.ret);
        }};
    }
    // A legacy load from the packet.
    macro_rules! packet {
        ($size:ident, $offset:expr) => {
            match host.load_packet(i64::from($offset), Size::$size) {
                Some(value) => regs.0[R0] = value,
                None => {
                    regs.0[R0] = 0;
                    exit!();
                }
            }
        };
    }

    loop {
        // SAFETY: `pc` is in the cells: no path falls off their end and every jump leads to one.
        let cell = unsafe { &*pc };
        // Moves `pc` from the next cell to the one `distance` behind it.
        macro_rules! jump {
            ($distance:expr) => {
                pc = pc.wrapping_offset($distance as isize)
            };
        }
        jump!(1);

        // The second operand.
        macro_rules! src {
            (reg) => {
                regs.get(cell.src())
            };
            (imm) => {
                cell.imm64()
            };
        }
        macro_rules! alu {
            ($width:ident $op:ident $src:ident) => {{
                let value = alu(Width::$width, AluOp::$op, regs.get(cell.dst()), src!($src));
                regs.set(cell.dst(), value);
            }};
        }
        macro_rules! branch {
            ($width:ident $cond:ident $src:ident) => {
                if taken(Width::$width, Cond::$cond, regs.get(cell.dst()), src!($src)) {
                    jump!(cell.off);
                }
            };
        }
        macro_rules! movsx {
            ($width:ident $from:ident) => {
                regs.set(cell.dst(), movsx(Width::$width, Size::$from, regs.get(cell.src())))
            };
        }
        macro_rules! swap {
            ($kind:ident $bits:literal) => {
                regs.set(cell.dst(), swap(Swap::$kind, $bits, regs.get(cell.dst())))
            };
        }
        macro_rules! load {
            ($type:ty) => {{
                // SAFETY: the verifier allowed this load.
                let value: $type = unsafe { load(regs.get(cell.src()), cell.off) };
                u64::from(value)
            }};
        }
        macro_rules! store {
            ($type:ident $src:ident) => {
                // SAFETY: the verifier allowed this store.
                unsafe { store(regs.get(cell.dst()), cell.off, src!($src) as $type) }
            };
        }
        macro_rules! at {
            ($type:ident $register:ident) => {
                // SAFETY: the verifier allowed this access, and atomics only where aligned.
                unsafe { <$type>::at(regs.get(cell.$register()), cell.off) }
            };
        }
        macro_rules! fetch {
            ($type:ident $method:ident) => {{
                let operand = regs.get(cell.src()) as $type;
                u64::from(at!($type dst).$method(operand, std::sync::atomic::Ordering::SeqCst))
            }};
        }
        macro_rules! compare_exchange {
            ($type:ident) => {{
                let (expected, new) = (regs.0[R0] as $type, regs.get(cell.src()) as $type);
                regs.0[R0] = u64::from(<$type>::compare_exchange(at!($type dst), expected, new));
            }};
        }
        macro_rules! execute {
            (
                alu { $($op:ident: $a0:ident $a1:ident $a2:ident $a3:ident,)* }
                branch { $($cond:ident: $b0:ident $b1:ident $b2:ident $b3:ident,)* }
                load { $($ls:ident $lt:ident: $l0:ident $l1:ident $l2:ident,)* }
                store { $($ss:ident $st:ident: $s0:ident $s1:ident $s2:ident,)* }
                atomic { $($atomic:ident $method:ident: $t0:ident $t1:ident $t2:ident $t3:ident,)* }
            ) => {
                match cell.op {
                    $(
                        Fast::$a0 => alu!(W64 $op reg),
                        Fast::$a1 => alu!(W64 $op imm),
                        Fast::$a2 => alu!(W32 $op reg),
                        Fast::$a3 => alu!(W32 $op imm),
                    )*
                    $(
                        Fast::$b0 => branch!(W64 $cond reg),
                        Fast::$b1 => branch!(W64 $cond imm),
                        Fast::$b2 => branch!(W32 $cond reg),
                        Fast::$b3 => branch!(W32 $cond imm),
                    )*
                    $(
                        Fast::$l0 => regs.set(cell.dst(), load!($lt)),
                        Fast::$l1 => regs.set(cell.dst(), sign_extend(Size::$ls, load!($lt))),
                        Fast::$l2 => {
                            let value = <$lt>::load_acquire(at!($lt src));
                            regs.set(cell.dst(), u64::from(value));
                        }
                    )*
                    $(
                        Fast::$s0 => store!($st reg),
                        Fast::$s1 => store!($st imm),
                        Fast::$s2 => {
                            <$st>::store_release(at!($st dst), regs.get(cell.src()) as $st);
                        }
                    )*
                    $(
                        Fast::$t0 => drop(fetch!(u64 $method)),
                        Fast::$t1 => regs.set(cell.src(), fetch!(u64 $method)),
                        Fast::$t2 => drop(fetch!(u32 $method)),
                        Fast::$t3 => regs.set(cell.src(), fetch!(u32 $method)),
                    )*
                    Fast::ExchangeDw => regs.set(cell.src(), fetch!(u64 swap)),
                    Fast::ExchangeW => regs.set(cell.src(), fetch!(u32 swap)),
                    Fast::CompareExchangeDw => compare_exchange!(u64),
                    Fast::CompareExchangeW => compare_exchange!(u32),
                    Fast::Neg64 => regs.set(cell.dst(), neg(Width::W64, regs.get(cell.dst()))),
                    Fast::Neg32 => regs.set(cell.dst(), neg(Width::W32, regs.get(cell.dst()))),
                    Fast::Movsx64B => movsx!(W64 B),
                    Fast::Movsx64H => movsx!(W64 H),
                    Fast::Movsx64W => movsx!(W64 W),
                    Fast::Movsx32B => movsx!(W32 B),
                    Fast::Movsx32H => movsx!(W32 H),
                    Fast::Reverse16 => swap!(Bswap 16),
                    Fast::Reverse32 => swap!(Bswap 32),
                    Fast::Reverse64 => swap!(Bswap 64),
                    Fast::Keep16 => regs.set(cell.dst(), regs.get(cell.dst()) & 0xffff),
                    Fast::Keep32 => regs.set(cell.dst(), regs.get(cell.dst()) & 0xffff_ffff),
                    Fast::Keep64 => {}
                    Fast::LoadImm64 => {
                        // SAFETY: this opcode is only made for two slots; `pc` is at the second.
                        let high = unsafe { (*pc).imm };
                        regs.set(cell.dst(), u64::from(cell.imm as u32) | (high as u64) << 32);
                        jump!(1);
                    }
                    Fast::LoadAbsB => packet!(B, cell.imm),
                    Fast::LoadAbsH => packet!(H, cell.imm),
                    Fast::LoadAbsW => packet!(W, cell.imm),
                    Fast::LoadIndB => packet!(B, cell.imm.wrapping_add(regs.get(cell.dst()) as i32)),
                    Fast::LoadIndH => packet!(H, cell.imm.wrapping_add(regs.get(cell.dst()) as i32)),
                    Fast::LoadIndW => packet!(W, cell.imm.wrapping_add(regs.get(cell.dst()) as i32)),
                    Fast::Jump => jump!(cell.imm),
                    Fast::MayGoto => {
                        if loops == 0 {
                            jump!(cell.off);
                        } else {
                            loops -= 1;
                        }
                    }
                    Fast::CallHelper => {
                        let [_, args @ .., _, _, _, _, _] = regs.0;
                        regs.0[R0] = host.call(cell.imm as u32, args);
                    }
                    Fast::CallLocal => {
                        let [.., r6, r7, r8, r9, fp] = regs.0;
                        // SAFETY: `pc` is in the cells: a call is never the last one.
                        let ret = unsafe { pc.offset_from(cells.as_ptr()) } as usize;
                        stack.frames[depth] = Frame { ret, saved: [r6, r7, r8, r9], fp };
                        depth += 1;
                        regs.0[FP] = fp.wrapping_sub(cell.off as u64);
                        jump!(cell.imm);
                    }
                    Fast::Exit => exit!(),
                }
            };
        }
        families!(execute);
    }
}

/// The address of a cell, from which all others can be reached.
fn cell_at(cells: &[Cell], slot: usize) -> *const Cell {
    assert!(slot < cells.len(), "functions begin and calls return in the program");
    cells.as_ptr().wrapping_add(slot)
}

/// The registers of a run.
struct Registers([u64; Reg::COUNT]);

impl Registers {
    #[inline(always)]
    fn get(&self, register: usize) -> u64 {
        debug_assert!(register < Reg::COUNT);
        // SAFETY: register numbers in cells come from `Reg`, which is below `Reg::COUNT`.
        unsafe { *self.0.get_unchecked(register) }
    }

    #[inline(always)]
    fn set(&mut self, register: usize, value: u64) {
        debug_assert!(register < Reg::COUNT);
        // SAFETY: register numbers in cells come from `Reg`, which is below `Reg::COUNT`.
        unsafe { *self.0.get_unchecked_mut(register) = value }
    }
}

const R0: usize = Reg::R0.index();
const FP: usize = Reg::FP.index();
