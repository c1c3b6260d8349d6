//! Statements.

use super::error::{AsmError, AsmProblem, Place};
use super::lexer::tokens;
use super::operand::{Cursor, MemType, Register, Signs, Target};
use crate::{AluOp, AtomicOp, Callee, Cond, Imm64, Op, Operand, Reg, Size, Swap, Width};

/// Parses a line: labels, then at most one statement.
pub(super) fn parse_line(number: usize, line: &str) -> Result<Line, AsmError> {
    let tokens = tokens(number, line)?;
    let end = Place { line: number, column: line.trim_end().chars().count() + 1 };
    let mut parser = Parser(Cursor::new(&tokens, end));
    let mut labels = Vec::new();
    while parser.0.peek(1) == ":" {
        let place = parser.0.place();
        labels.push((place, parser.0.word("a label")?.to_owned()));
        parser.0.eat(":");
    }
    let place = parser.0.place();
    if parser.0.is_empty() {
        return Ok(Line { labels, statement: None });
    }
    let statement = parser.statement()?;
    parser.0.expect_end()?;
    Ok(Line { labels, statement: Some((place, statement)) })
}

/// What a line holds.
pub(super) struct Line {
    pub(super) labels: Vec<(Place, String)>,
    pub(super) statement: Option<(Place, Statement)>,
}

/// A statement.
pub(super) enum Statement {
    /// Complete.
    Op(Op),
    /// It names something.
    Symbolic(Symbolic),
    /// `.8byte`.
    Raw(u64),
}

impl Statement {
    /// Slots that it takes.
    pub(super) fn slots(&self) -> usize {
        match self {
            Statement::Op(op) => op.slots(),
            Statement::Symbolic(
                Symbolic::Func { .. } | Symbolic::Map { .. } | Symbolic::MapValue { .. },
            ) => 2,
            Statement::Symbolic(_) | Statement::Raw(_) => 1,
        }
    }
}

/// An instruction that names something.
pub(super) enum Symbolic {
    Jump { long: bool, target: Target },
    MayGoto { target: Target },
    Branch { width: Width, cond: Cond, dst: Reg, src: Operand, target: Target },
    Func { dst: Reg, target: Target },
    CallDistance(Target),
    CallName { name: String, number: Option<u32> },
    CallKfunc(String),
    Map { dst: Reg, name: String },
    MapValue { dst: Reg, name: String, off: u32 },
}

impl From<Op> for Statement {
    fn from(op: Op) -> Statement {
        Statement::Op(op)
    }
}

impl From<Symbolic> for Statement {
    fn from(symbolic: Symbolic) -> Statement {
        Statement::Symbolic(symbolic)
    }
}

struct Parser<'a>(Cursor<'a>);

impl Parser<'_> {
    fn statement(&mut self) -> Result<Statement, AsmError> {
        if let Some(register) = self.0.opt_register()? {
            return self.assignment(register);
        }
        if self.0.eat("*") {
            return self.store();
        }
        let place = self.0.place();
        let text = self.0.peek(0);
        Ok(match self.0.opt_word() {
            Some("exit") => Op::Exit.into(),
            Some("if") => self.branch()?,
            Some("goto") => Symbolic::Jump { long: false, target: self.0.target()? }.into(),
            Some("gotol") => Symbolic::Jump { long: true, target: self.0.target()? }.into(),
            Some("may_goto") => Symbolic::MayGoto { target: self.0.target()? }.into(),
            Some("call") => self.call()?,
            Some("callx") => Op::Call(Callee::Reg(self.0.reg(Width::W64)?)).into(),
            Some("lock") => self.lock()?.into(),
            Some("store_release") => self.store_release()?.into(),
            Some("ld_pseudo") => self.ld_pseudo()?.into(),
            Some(".8byte") => Statement::Raw(self.0.number_in("the slot")?),
            _ => {
                let (expected, found) = ("a statement", format!("`{text}`"));
                return Err(place.error(AsmProblem::Syntax { expected, found }));
            }
        })
    }

    /// `r1 ...`.
    fn assignment(&mut self, to: Register) -> Result<Statement, AsmError> {
        if self.0.eat("=") {
            return self.value(to);
        }
        let op = self.0.operator("an assignment (=, +=, s/=, ...)", |text| {
            Some(match text {
                "+=" => AluOp::Add,
                "-=" => AluOp::Sub,
                "*=" => AluOp::Mul,
                "/=" => AluOp::Div,
                "s/=" => AluOp::Sdiv,
                "|=" => AluOp::Or,
                "&=" => AluOp::And,
                "<<=" => AluOp::Lsh,
                ">>=" => AluOp::Rsh,
                "s>>=" => AluOp::Arsh,
                "%=" => AluOp::Mod,
                "s%=" => AluOp::Smod,
                "^=" => AluOp::Xor,
                _ => return None,
            })
        })?;
        let src = self.0.operand(to.width, alu_signs(to.width))?;
        Ok(Op::Alu { width: to.width, op, dst: to.reg, src }.into())
    }

    /// `r1 = ...`.
    fn value(&mut self, to: Register) -> Result<Statement, AsmError> {
        let Register { reg: dst, width } = to;
        if self.0.at_number() {
            return self.constant(to);
        }
        if self.0.eat("-") {
            self.same(to)?;
            return Ok(Op::Neg { width, dst }.into());
        }
        if self.0.eat("*") {
            return self.load(to).map(Statement::from);
        }
        if self.0.peek(0) == "(" {
            return self.movsx(to).map(Statement::from);
        }
        if let Some(from) = self.0.opt_register()? {
            if from.width != width {
                return Err(self.width_mismatch(from, width));
            }
            let src = Operand::Reg(from.reg);
            return Ok(Op::Alu { width, op: AluOp::Mov, dst, src }.into());
        }
        match self.0.peek(0) {
            "map" | "map_value" | "func" | "subprog" | "btf_id" => self.address_of(dst),
            "addr_space_cast" => self.addr_space_cast(dst).map(Statement::from),
            "load_acquire" => self.load_acquire(to).map(Statement::from),
            word if word.starts_with("atomic") || word.contains("xchg") => {
                self.atomic(to).map(Statement::from)
            }
            _ => self.swap(to).map(Statement::from),
        }
    }

    /// A number: an immediate, or with `ll` two slots. Linux prints no `ll`, so that a number
    /// that fits no immediate takes two slots too.
    fn constant(&mut self, to: Register) -> Result<Statement, AsmError> {
        let Register { reg: dst, width } = to;
        let place = self.0.place();
        let number = self.0.number()?;
        let long = self.0.eat("ll");
        if let (Width::W64, false, Ok(imm)) = (width, long, i32::try_from(number)) {
            return Ok(Op::Alu { width, op: AluOp::Mov, dst, src: Operand::Imm(imm) }.into());
        }
        if width == Width::W64 {
            let bits = i64::try_from(number).map(|number| number as u64);
            let (min, max) = (i64::MIN.into(), u64::MAX.into());
            let problem = AsmProblem::Range { what: "the constant", min, max, found: number };
            let value = bits.or(u64::try_from(number)).map_err(|_| place.error(problem))?;
            return Ok(Op::LoadImm64 { dst, imm: Imm64::Value(value) }.into());
        }
        let (min, max) = (i32::MIN.into(), u32::MAX.into());
        let problem = AsmProblem::Range { what: "the immediate", min, max, found: number };
        let bits = i32::try_from(number).or(u32::try_from(number).map(|bits| bits as i32));
        let src = Operand::Imm(bits.map_err(|_| place.error(problem))?);
        Ok(Op::Alu { width, op: AluOp::Mov, dst, src }.into())
    }

    /// `func[label]`, `btf_id[7]`, or a map.
    fn address_of(&mut self, dst: Reg) -> Result<Statement, AsmError> {
        let what = self.0.word("an address")?;
        self.0.expect("[", "`[`")?;
        let statement = match what {
            "map" => self.map(dst)?,
            "map_value" => self.map_value(dst)?,
            "btf_id" => {
                let id = self.0.number_in("the type id")?;
                let fd = if self.0.eat(",") { self.0.number_in("the descriptor")? } else { 0 };
                self.0.expect("]", "`]`")?;
                Op::LoadImm64 { dst, imm: Imm64::BtfId { id, fd } }.into()
            }
            _ => {
                let target = self.0.target()?;
                self.0.expect("]", "`]`")?;
                Symbolic::Func { dst, target }.into()
            }
        };
        self.0.eat("ll");
        Ok(statement)
    }

    /// `map[name]`, `map[fd:3]` or `map[idx:3]` behind its bracket.
    fn map(&mut self, dst: Reg) -> Result<Statement, AsmError> {
        let imm = match self.map_key()? {
            MapKey::Name(name) => return Ok(Symbolic::Map { dst, name }.into()),
            MapKey::Fd(fd) => Imm64::MapFd(fd),
            MapKey::Idx(index) => Imm64::MapIdx(index),
        };
        Ok(Op::LoadImm64 { dst, imm }.into())
    }

    /// `map_value[name]+8` behind its bracket; without offset it is 0.
    fn map_value(&mut self, dst: Reg) -> Result<Statement, AsmError> {
        let key = self.map_key()?;
        let off = if self.0.eat("+") { self.0.number_in("the offset")? } else { 0 };
        let imm = match key {
            MapKey::Name(name) => return Ok(Symbolic::MapValue { dst, name, off }.into()),
            MapKey::Fd(fd) => Imm64::MapValue { fd, off },
            MapKey::Idx(index) => Imm64::MapIdxValue { index, off },
        };
        Ok(Op::LoadImm64 { dst, imm }.into())
    }

    fn map_key(&mut self) -> Result<MapKey, AsmError> {
        let numbered = self.0.peek(1) == ":";
        let word = self.0.word("the name of a map, fd: or idx:")?;
        if numbered {
            self.0.eat(":");
        }
        let key = match word {
            "fd" if numbered => MapKey::Fd(self.0.number_in("the descriptor")?),
            "idx" if numbered => MapKey::Idx(self.0.number_in("the index")?),
            _ => MapKey::Name(word.to_owned()),
        };
        self.0.expect("]", "`]`")?;
        Ok(key)
    }

    /// LLVM's way to print a 64-bit immediate that is no number: `ld_pseudo r1, 1, 5`.
    fn ld_pseudo(&mut self) -> Result<Op, AsmError> {
        let dst = self.0.reg(Width::W64)?;
        self.0.expect(",", "`,`")?;
        let place = self.0.place();
        let kind = self.0.number()?;
        self.0.expect(",", "`,`")?;
        let low: i32 = self.0.imm32(Signs::Either)?;
        let imm = match kind {
            1 => Imm64::MapFd(low),
            2 => Imm64::MapValue { fd: low, off: 0 },
            3 => Imm64::BtfId { id: low as u32, fd: 0 },
            4 => Imm64::Func(low),
            5 => Imm64::MapIdx(low),
            6 => Imm64::MapIdxValue { index: low, off: 0 },
            found => {
                let what = "the kind of immediate";
                return Err(place.error(AsmProblem::Range { what, min: 1, max: 6, found }));
            }
        };
        Ok(Op::LoadImm64 { dst, imm })
    }

    /// `(s8)r2`.
    fn movsx(&mut self, to: Register) -> Result<Op, AsmError> {
        self.0.expect("(", "`(`")?;
        let from = self.0.operator("s8, s16 or s32", |word| match word {
            "s8" => Some(Size::B),
            "s16" => Some(Size::H),
            "s32" => Some(Size::W),
            _ => None,
        })?;
        self.0.expect(")", "`)`")?;
        Ok(Op::Movsx { width: to.width, from, dst: to.reg, src: self.0.reg(to.width)? })
    }

    /// `be16 r1`.
    fn swap(&mut self, to: Register) -> Result<Op, AsmError> {
        let (kind, bits) = self.0.operator("a value", |word| {
            let kinds = [("be", Swap::ToBe), ("le", Swap::ToLe), ("bswap", Swap::Bswap)];
            let (kind, bits) = kinds
                .iter()
                .find_map(|(name, kind)| word.strip_prefix(name).map(|bits| (*kind, bits)))?;
            let bits = bits.parse().ok().filter(|bits| matches!(bits, 16 | 32 | 64))?;
            Some((kind, bits))
        })?;
        if to.width == Width::W32 {
            return Err(self.width_mismatch(to, Width::W64));
        }
        self.same(to)?;
        Ok(Op::Swap { kind, bits, dst: to.reg })
    }

    /// The register that is assigned to, once more.
    fn same(&mut self, to: Register) -> Result<(), AsmError> {
        let place = self.0.place();
        let found = self.0.register()?;
        if found == to {
            return Ok(());
        }
        let found = format!("`{}`", spelled(found));
        Err(place.error(AsmProblem::Syntax { expected: "the register that is assigned to", found }))
    }

    fn addr_space_cast(&mut self, dst: Reg) -> Result<Op, AsmError> {
        self.0.expect("addr_space_cast", "addr_space_cast")?;
        self.0.expect("(", "`(`")?;
        let src = self.0.reg(Width::W64)?;
        self.0.expect(",", "`,`")?;
        let to = self.0.number_in("the address space")?;
        self.0.expect(",", "`,`")?;
        let from = self.0.number_in("the address space")?;
        self.0.expect(")", "`)`")?;
        Ok(Op::AddrSpaceCast { dst, src, to, from })
    }

    /// `*(u64 *)(r10 - 8)` behind its `*`, or a packet load.
    fn load(&mut self, to: Register) -> Result<Op, AsmError> {
        let MemType { size, signed } = self.0.mem_type()?;
        if self.0.eat("skb") {
            return self.packet_load(to, size);
        }
        if to.width == Width::W32 && (signed || size == Size::Dw) {
            return Err(self.width_mismatch(to, Width::W64));
        }
        let (src, off) = self.0.address()?;
        Ok(Op::Load { size, signed, dst: to.reg, src, off })
    }

    /// `[12]`, `[r6]` or `[r6 + 12]`.
    fn packet_load(&mut self, to: Register, size: Size) -> Result<Op, AsmError> {
        if to != (Register { reg: Reg::R0, width: Width::W64 }) {
            let found = format!("`{}`", spelled(to));
            let expected = "r0 before `=`: packet loads go there";
            return Err(self.0.place().error(AsmProblem::Syntax { expected, found }));
        }
        self.0.expect("[", "`[`")?;
        let op = match self.0.opt_register()? {
            None => Op::LoadAbs { size, imm: self.0.imm32(Signs::Signed)? },
            Some(register) => {
                let at_number = matches!(self.0.peek(0), "+" | "-");
                let imm = if at_number { self.0.imm32(Signs::Signed)? } else { 0 };
                Op::LoadInd { size, src: register.reg, imm }
            }
        };
        self.0.expect("]", "`]`")?;
        Ok(op)
    }

    /// `*(u32 *)(r1 + 4) = r2` behind its `*`.
    fn store(&mut self) -> Result<Statement, AsmError> {
        let size = self.unsigned_mem_type()?;
        let (dst, off) = self.0.address()?;
        self.0.expect("=", "`=`")?;
        let src = if self.0.at_number() {
            Operand::Imm(self.0.imm32(if size == Size::Dw {
                Signs::Signed
            } else {
                Signs::Either
            })?)
        } else {
            Operand::Reg(self.0.value_reg(size)?)
        };
        Ok(Op::Store { size, dst, off, src }.into())
    }

    fn unsigned_mem_type(&mut self) -> Result<Size, AsmError> {
        match self.0.mem_type()? {
            MemType { size, signed: false } => Ok(size),
            MemType { signed: true, .. } => Err(self.0.error("u8, u16, u32 or u64 before this")),
        }
    }

    fn load_acquire(&mut self, to: Register) -> Result<Op, AsmError> {
        self.0.expect("load_acquire", "load_acquire")?;
        self.0.expect("(", "`(`")?;
        let size = self.unsigned_mem_type()?;
        let (src, off) = self.0.address()?;
        self.0.expect(")", "`)`")?;
        Ok(Op::LoadAcquire { size, dst: to.reg, src, off })
    }

    fn store_release(&mut self) -> Result<Op, AsmError> {
        self.0.expect("(", "`(`")?;
        let size = self.unsigned_mem_type()?;
        let (dst, off) = self.0.address()?;
        self.0.expect(",", "`,`")?;
        let src = self.0.value_reg(size)?;
        self.0.expect(")", "`)`")?;
        Ok(Op::StoreRelease { size, dst, off, src })
    }

    /// `lock *(u64 *)(r1 + 0) += r2` behind its first word.
    fn lock(&mut self) -> Result<Op, AsmError> {
        self.0.expect("*", "`*`")?;
        let size = self.unsigned_mem_type()?;
        let (dst, off) = self.0.address()?;
        let op = self.0.operator("+=, |=, &= or ^=", |text| {
            Some(match text {
                "+=" => AtomicOp::Add { fetch: false },
                "|=" => AtomicOp::Or { fetch: false },
                "&=" => AtomicOp::And { fetch: false },
                "^=" => AtomicOp::Xor { fetch: false },
                _ => return None,
            })
        })?;
        Ok(Op::Atomic { size, op, dst, off, src: self.0.value_reg(size)? })
    }

    /// The atomic operations with a result. Linux writes `atomic64_xchg((u64 *)(r1 + 0), r2)`
    /// where LLVM writes `xchg_64(r1 + 0, r2)`.
    fn atomic(&mut self, to: Register) -> Result<Op, AsmError> {
        let (op, llvm_size) = self.0.operator("an atomic operation", |word| {
            Some(match word {
                "atomic_fetch_add" | "atomic64_fetch_add" => (AtomicOp::Add { fetch: true }, None),
                "atomic_fetch_or" | "atomic64_fetch_or" => (AtomicOp::Or { fetch: true }, None),
                "atomic_fetch_and" | "atomic64_fetch_and" => (AtomicOp::And { fetch: true }, None),
                "atomic_fetch_xor" | "atomic64_fetch_xor" => (AtomicOp::Xor { fetch: true }, None),
                "atomic_xchg" | "atomic64_xchg" => (AtomicOp::Xchg, None),
                "atomic_cmpxchg" | "atomic64_cmpxchg" => (AtomicOp::Cmpxchg, None),
                "xchg_64" => (AtomicOp::Xchg, Some(Size::Dw)),
                "xchg32_32" => (AtomicOp::Xchg, Some(Size::W)),
                "cmpxchg_64" => (AtomicOp::Cmpxchg, Some(Size::Dw)),
                "cmpxchg32_32" => (AtomicOp::Cmpxchg, Some(Size::W)),
                _ => return None,
            })
        })?;
        self.0.expect("(", "`(`")?;
        let (size, (dst, off)) = match llvm_size {
            Some(size) => (size, self.0.bare_address()?),
            None => (self.unsigned_mem_type()?, self.0.address()?),
        };
        self.0.expect(",", "`,`")?;
        if op == AtomicOp::Cmpxchg {
            self.same(to)?;
            self.0.expect(",", "`,`")?;
        }
        let src = self.0.value_reg(size)?;
        self.0.expect(")", "`)`")?;
        let (result, expected) = match op {
            AtomicOp::Cmpxchg => (Reg::R0, "r0 before `=`: the old value goes there"),
            _ => (src, "the last operand before `=`: the old value goes there"),
        };
        if to.reg != result {
            let found = format!("`{}`", spelled(to));
            return Err(self.0.place().error(AsmProblem::Syntax { expected, found }));
        }
        Ok(Op::Atomic { size, op, dst, off, src })
    }

    /// `if r1 s> 5 goto label` behind its first word.
    fn branch(&mut self) -> Result<Statement, AsmError> {
        let Register { reg: dst, width } = self.0.register()?;
        let cond = self.0.operator("a comparison (==, s>, &, ...)", |text| {
            Some(match text {
                "==" => Cond::Eq,
                "!=" => Cond::Ne,
                "&" => Cond::Set,
                ">" => Cond::Gt,
                ">=" => Cond::Ge,
                "<" => Cond::Lt,
                "<=" => Cond::Le,
                "s>" => Cond::Sgt,
                "s>=" => Cond::Sge,
                "s<" => Cond::Slt,
                "s<=" => Cond::Sle,
                _ => return None,
            })
        })?;
        let src = self.0.operand(width, Signs::Either)?;
        self.0.expect("goto", "goto")?;
        let target = self.0.target()?;
        Ok(Symbolic::Branch { width, cond, dst, src, target }.into())
    }

    /// What follows `call`.
    fn call(&mut self) -> Result<Statement, AsmError> {
        if self.0.eat("kfunc") {
            return self.call_kfunc();
        }
        if self.0.peek(0) == "+" || self.0.peek(0) == "pc" {
            return Ok(Symbolic::CallDistance(self.0.target()?).into());
        }
        if self.0.at_number() {
            // No helper has a negative number: it is how LLVM prints a distance.
            return Ok(match self.0.peek(0) {
                "-" => Op::Call(Callee::Local(self.0.number_in("the distance")?)).into(),
                _ => Op::Call(Callee::Helper(self.0.number_in("the helper")?)).into(),
            });
        }
        let name = self.0.word("a helper's number or name, a label or a distance")?.to_owned();
        let number = self.0.opt_suffix().and_then(|number| u32::try_from(number).ok());
        Ok(Symbolic::CallName { name, number }.into())
    }

    /// A kernel function by name, or by BTF id and index into `fd_array`.
    fn call_kfunc(&mut self) -> Result<Statement, AsmError> {
        if !self.0.at_number() {
            return Ok(Symbolic::CallKfunc(self.0.word("a name or a BTF id")?.to_owned()).into());
        }
        let btf_id = self.0.number_in("the BTF id")?;
        let fd_idx = if self.0.eat(",") { self.0.number_in("the index")? } else { 0 };
        Ok(Op::Call(Callee::Kfunc { btf_id, fd_idx }).into())
    }

    fn width_mismatch(&self, found: Register, expected: Width) -> AsmError {
        let expected = match expected {
            Width::W32 => "32-bit registers (w0 to w10) on both sides",
            Width::W64 => "64-bit registers (r0 to r10) here",
        };
        let found = format!("`{}`", spelled(found));
        self.0.place().error(AsmProblem::Syntax { expected, found })
    }
}

/// How a map is referred to.
enum MapKey {
    Name(String),
    Fd(i32),
    Idx(i32),
}

/// At 32 bits the upper half of an immediate is nobody's; at 64 it is the sign.
fn alu_signs(width: Width) -> Signs {
    match width {
        Width::W32 => Signs::Either,
        Width::W64 => Signs::Signed,
    }
}

fn spelled(register: Register) -> String {
    let letter = match register.width {
        Width::W32 => 'w',
        Width::W64 => 'r',
    };
    format!("{letter}{}", register.reg.number())
}
