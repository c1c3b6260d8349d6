use skep_isa::{Insn, Size};
use skep_vm::{Host, interp::{Code, Stack}};
struct N; impl Host for N { fn call(&mut self,_:u32,a:[u64;5])->u64{a[0]} fn load_packet(&mut self,_:i64,_:Size)->Option<u64>{None}}
fn cpu()->f64{let t=rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime); t.tv_sec as f64*1e9+t.tv_nsec as f64}
fn med(mut f: impl FnMut()->u64, n: f64, reps: usize)->f64{ let mut v=vec![]; for _ in 0..9 { let s=cpu(); for _ in 0..reps {std::hint::black_box(f());} v.push((cpu()-s)/n/reps as f64);} v.sort_by(f64::total_cmp); v[4]}
fn both(name:&str, p:&[Insn], n: f64, reps: usize){
  let code=Code::new(p,&[]).unwrap(); let mut st=Stack::new();
  let a=unsafe{code.run(&mut N,0,&mut st)};
  let bytes:Vec<u8>=p.iter().flat_map(|i|i.to_le_bytes()).collect();
  let vm=rbpf::EbpfVmNoData::new(Some(&bytes)).unwrap();
  let b=vm.execute_program().unwrap(); assert_eq!(a,b,"{name}");
  let us=med(||unsafe{code.run(&mut N,0,&mut st)},n,reps);
  let th=med(||vm.execute_program().unwrap(),n,reps.div_ceil(3));
  println!("{name:20} {us:.2} {th:.2} {:.2}", us/th);
}
fn main(){
  let exit=Insn::new(0x95,0,0,0,0);
  let mk=|f:&dyn Fn(usize)->Insn|{let mut v=vec![Insn::new(0xb7,0,0,0,1),Insn::new(0xb7,1,0,0,7)]; for i in 2..10u8 {v.push(Insn::new(0xb7,i,0,0,7))} v.extend((0..24000).map(f)); v.push(exit); v};
  both("straight imm r0", &mk(&|i| if i%2==0 {Insn::new(0x07,0,0,0,i as i32)} else {Insn::new(0xa7,0,0,0,i as i32)}),24003.,100);
  both("straight reg r0", &mk(&|i| if i%2==0 {Insn::new(0x0f,0,1,0,0)} else {Insn::new(0xaf,0,1,0,0)}),24003.,100);
  both("straight imm rN", &mk(&|i| if i%2==0 {Insn::new(0x07,(i%10) as u8,0,0,i as i32)} else {Insn::new(0xa7,(i%10) as u8,0,0,i as i32)}),24003.,100);
  both("add_r0_xor_r1", &mk(&|i| if i%2==0 {Insn::new(0x0f,0,2,0,0)} else {Insn::new(0xaf,1,0,0,0)}),24003.,100);
  let n=100_000;
  let l=[Insn::new(0xb7,0,0,0,1),Insn::new(0xb7,1,0,0,n),
    Insn::new(0x0f,0,1,0,0),Insn::new(0xa7,0,0,0,0x5555),Insn::new(0x27,0,0,0,3),Insn::new(0x77,0,0,0,1),Insn::new(0x17,1,0,0,1),Insn::new(0x55,1,0,-6,0),exit];
  both("loop dep",&l,n as f64*6.,10);
  let l=[Insn::new(0xb7,0,0,0,1),Insn::new(0xb7,1,0,0,n),Insn::new(0xb7,2,0,0,5),Insn::new(0xb7,3,0,0,5),Insn::new(0xb7,4,0,0,5),
    Insn::new(0x0f,0,1,0,0),Insn::new(0xaf,2,1,0,0),Insn::new(0x2f,3,2,0,0),Insn::new(0x77,4,0,0,1),Insn::new(0x0f,4,3,0,0),Insn::new(0x17,1,0,0,1),Insn::new(0x55,1,0,-7,0),exit];
  both("loop spread",&l,n as f64*7.,10);
}
