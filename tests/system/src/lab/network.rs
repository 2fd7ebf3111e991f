//! A switch that hosts are plugged into.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::Namespace;
use super::slow::SlowWire;

/// One network, 10.77.0.0/24, in a namespace of its own.
#[derive(Debug)]
pub struct Network {
    switch: Namespace,
}

impl Network {
    /// One without hosts.
    ///
    /// # Errors
    /// Where it can't be made.
    pub fn new() -> anyhow::Result<Network> {
        let switch = Namespace::new()?;
        // Without a querier a switch that snoops would withhold IPv6's neighbour discovery.
        switch.shell(
            "ip link add switch type bridge forward_delay 0 mcast_snooping 0\n\
             ip link set dev switch up",
        )?;
        Ok(Network { switch })
    }

    /// The address of the host of this number.
    pub fn address(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, number)
    }

    /// Plugs a namespace in, as the host of this number.
    ///
    /// # Errors
    /// Where the number is taken.
    pub fn plug(&self, namespace: &Namespace, number: u8) -> anyhow::Result<()> {
        self.switch.shell(&format!(
            "ip link add port{number} type veth peer name wire netns {}\n\
             ip link set dev port{number} master switch up",
            namespace.id()
        ))?;
        Self::address_wire(namespace, number)
    }

    /// Plugs a namespace in as the host of this number, by a wire that each frame takes so long
    /// to pass.
    ///
    /// # Errors
    /// Where the number is taken, or the kernel has no TAP devices.
    pub fn plug_far(
        &self,
        namespace: &Namespace,
        number: u8,
        delay: Duration,
    ) -> anyhow::Result<SlowWire> {
        let port = format!("port{number}");
        let wire = SlowWire::lay(&self.switch, &port, namespace, delay)?;
        self.switch
            .shell(&format!("ip link set dev {port} master switch up"))?;
        Self::address_wire(namespace, number)?;
        Ok(wire)
    }

    fn address_wire(namespace: &Namespace, number: u8) -> anyhow::Result<()> {
        namespace.shell(&format!(
            "ip addr add {}/24 dev wire\n\
             ip link set dev wire up",
            Self::address(number)
        ))?;
        Ok(())
    }
}
