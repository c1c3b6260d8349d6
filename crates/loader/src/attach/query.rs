//! What is attached to an interface or a network namespace (`BPF_PROG_QUERY`).

use std::sync::Arc;

use skep_uapi::{AttachType, Command, Errno, Kernel, Open, ProgQuery, Target};

use crate::{Error, Handle};

/// A program that is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Id of the program.
    pub prog_id: u32,
    /// Id of the link that attaches it; 0 where there is none.
    pub link_id: u32,
}

/// Where a process finds its own network namespace.
const OWN_NETNS: &str = "/proc/self/ns/net";
/// Room at the first try; more is made where there is more.
const ROOM: usize = 16;

/// The programs of this type on an interface, in the order in which they run; nothing on a kernel
/// that does not know the type.
pub fn interface(
    kernel: &Arc<dyn Kernel>,
    ifindex: u32,
    attach_type: AttachType,
) -> Result<Vec<Attached>, Error> {
    let doing = || format!("list the programs on interface {ifindex} ({attach_type})");
    query(kernel, Target::Ifindex(ifindex), attach_type, doing)
}

/// The ids of the flow dissectors of the process's network namespace; nothing on a kernel without
/// network namespaces.
pub fn flow_dissectors(kernel: &Arc<dyn Kernel>) -> Result<Vec<u32>, Error> {
    let Ok(netns) = kernel.open(Open::Netns(OWN_NETNS)) else { return Ok(Vec::new()) };
    let netns = Handle::new(kernel, netns);
    let doing = || "list the flow dissectors".to_owned();
    let attached = query(kernel, Target::Fd(netns.fd()), AttachType::FLOW_DISSECTOR, doing)?;
    Ok(attached.into_iter().map(|attached| attached.prog_id).collect())
}

fn query(
    kernel: &Arc<dyn Kernel>,
    target: Target,
    attach_type: AttachType,
    doing: impl FnOnce() -> String,
) -> Result<Vec<Attached>, Error> {
    // Only types whose programs may be many tell their links.
    let has_links = matches!(target, Target::Ifindex(_));
    let mut room = ROOM;
    loop {
        let (mut prog_ids, mut link_ids) = (vec![0; room], vec![0; room]);
        let mut command = Command::ProgQuery(ProgQuery {
            target,
            attach_type,
            prog_ids: &mut prog_ids,
            link_ids: if has_links { &mut link_ids } else { &mut [] },
            count: u32::try_from(room).unwrap_or(u32::MAX),
            ..ProgQuery::default()
        });
        let done = kernel.bpf(&mut command);
        let count = match &command {
            Command::ProgQuery(query) => query.count as usize,
            _ => 0,
        };
        match done {
            Ok(_) => {
                let both = prog_ids.into_iter().zip(link_ids).take(count);
                return Ok(both.map(|(prog_id, link_id)| Attached { prog_id, link_id }).collect());
            }
            Err(Errno::ENOSPC) if count > room => room = count,
            // A kernel that has nothing of the kind says so in one of these ways.
            Err(Errno::EINVAL | Errno::ENOENT | Errno::EOPNOTSUPP | Errno::ENOTSUPP) => {
                return Ok(Vec::new());
            }
            Err(errno) => return Err(Error::Command { doing: doing(), errno }),
        }
    }
}
