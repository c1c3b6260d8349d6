//! The simulated machine of the kernel behind the socket.

use std::time::Duration;

use skep_uapi::{Device, Errno, Machine, Received};

use super::Client;
use crate::wire::Call;

impl Machine for Client {
    fn add_device(&self, name: &str, mtu: u32) -> Result<u32, Errno> {
        self.value(&Call::AddDevice { name, mtu })
    }

    /// None, where the connection is lost: the next call of another kind says so.
    fn devices(&self) -> Vec<Device> {
        self.value(&Call::Devices).unwrap_or_default()
    }

    fn receive(&self, ifindex: u32, frame: &[u8]) -> Result<Received, Errno> {
        self.value(&Call::Receive { ifindex, frame })
    }

    fn transmitted(&self, ifindex: u32) -> Result<Vec<Vec<u8>>, Errno> {
        self.value(&Call::Transmitted { ifindex })
    }

    fn advance(&self, by: Duration) -> Result<(), Errno> {
        self.done(&Call::Advance { by })
    }
}
