//! A pod that may send any frame, and whose name it can speak in: nobody's but its own.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;

use crate::harness::{Installation, pod, quiet, spec, with_installation};

/// Sends frames, given as hexadecimal digits, through the pod's interface.
const SEND_FRAMES: &str = r#"perl -e 'use Socket; my ($link, @frames) = @ARGV; socket(my $raw, 17, 3, 0) or die $!;
my $to = pack("S n i S C C a8", 17, 3, $link, 1, 0, 6, "");
for (@frames) { defined send($raw, pack("H*", $_), 0, $to) or die $!; }' "$(cat /sys/class/net/eth0/ifindex)""#;

/// A pod as an attacker would like it: root with every capability.
fn privileged(name: &str) -> Result<Pod> {
    let mut attacker = serde_json::to_value(pod(name, "httpd", &["sleep", "600"]))?;
    attacker["spec"]["containers"][0]["securityContext"] = json!({ "privileged": true });
    Ok(serde_json::from_value(attacker)?)
}

/// Creates a namespace beside the sessions' in which privileged pods may run.
async fn create_namespace(t: &Installation, name: &str) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(t.admin.clone());
    let labels = json!({
        "pod-security.kubernetes.io/enforce": "privileged",
        "lectern.dev/instance": t.config.workbench_namespace, // so it is removed with the rest
    });
    let namespace = serde_json::from_value(json!({ "metadata": { "name": name, "labels": labels } }))?;
    namespaces.create(&PostParams::default(), &namespace).await?;
    Ok(())
}

/// Runs a command that must succeed and returns what it printed.
async fn ask(t: &Installation, namespace: &str, pod: &str, command: &str) -> Result<String> {
    let (passed, output) = t.run_in(namespace, pod, command).await?;
    ensure!(passed, "{command} failed in {pod}: {output}");
    Ok(output.trim().to_owned())
}

async fn mac(t: &Installation, namespace: &str, pod: &str) -> Result<String> {
    ask(t, namespace, pod, "cat /sys/class/net/eth0/address").await
}

/// The MAC address that a pod knows for an IP address.
async fn known_mac(t: &Installation, namespace: &str, pod: &str, address: &str) -> Result<String> {
    ask(t, namespace, pod, &format!("awk '$1 == \"{address}\" {{ print $4 }}' /proc/net/arp")).await
}

fn digits(mac: &str) -> String {
    mac.replace(':', "")
}

/// An ARP answer to one receiver: "this address is at this MAC".
fn arp_answer(to: (&str, &str), mac: &str, claimed: &str) -> Result<String> {
    let hex = |address: &str| -> Result<String> {
        let address: Ipv4Addr = address.parse().context("not an IPv4 address")?;
        Ok(format!("{:08x}", u32::from(address)))
    };
    let (receiver_mac, sender_mac) = (digits(to.0), digits(mac));
    Ok(format!(
        "{receiver_mac}{sender_mac}08060001080006040002{sender_mac}{}{receiver_mac}{}",
        hex(claimed)?,
        hex(to.1)?
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_with_every_capability_cannot_answer_arp_for_another() -> Result<()> {
    with_installation(async |t| {
        let one = spec();
        t.cluster.provision(&one, &quiet).await?;
        let (bob, eve) = (&one.names.namespace, format!("{}-eve", t.config.workbench_namespace));
        create_namespace(t, &eve).await?;
        let (web, shell, raw) =
            (pod("web", "httpd", &[]), pod("shell", "httpd", &["sleep", "600"]), privileged("raw")?);
        let (web_address, shell_address, _) =
            tokio::try_join!(t.run_pod(bob, &web), t.run_pod(bob, &shell), t.run_pod(&eve, &raw))?;
        let (web_mac, shell_mac, eve_mac) =
            tokio::try_join!(mac(t, bob, "web"), mac(t, bob, "shell"), mac(t, &eve, "raw"))?;
        let gateway = ask(t, bob, "shell", "awk '$2 == \"00000000\" { print $3 }' /proc/net/route").await?;
        let gateway = Ipv4Addr::from(u32::from_str_radix(&gateway, 16)?.swap_bytes()).to_string();

        // both stand in the victim's table, where an answer that nobody asked for would replace them
        let connect =
            |address: &str, port: u16| format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}'; true");
        ask(t, bob, "shell", &connect(&web_address, 80)).await?;
        ask(t, bob, "shell", &connect(&gateway, 53)).await?;
        assert_eq!(known_mac(t, bob, "shell", &web_address).await?, web_mac);
        let gateway_mac = known_mac(t, bob, "shell", &gateway).await?;

        let shell_at = (shell_mac.as_str(), shell_address.as_str());
        let frames =
            [arp_answer(shell_at, &eve_mac, &web_address)?, arp_answer(shell_at, &eve_mac, &gateway)?]
                .join(" ");
        for _ in 0..3 {
            ask(t, &eve, "raw", &format!("{SEND_FRAMES} {frames}")).await?;
        }
        // an honest question is answered, so frames do arrive
        ask(t, &eve, "raw", &connect(&shell_address, 80)).await?;
        assert_eq!(known_mac(t, &eve, "raw", &shell_address).await?, shell_mac);

        assert_eq!(known_mac(t, bob, "shell", &web_address).await?, web_mac, "a neighbour was impersonated");
        assert_eq!(known_mac(t, bob, "shell", &gateway).await?, gateway_mac, "the gateway was impersonated");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_takes_anothers_address_reaches_nobody_with_it() -> Result<()> {
    with_installation(async |t| {
        let one = spec();
        t.cluster.provision(&one, &quiet).await?;
        let (bob, eve) = (&one.names.namespace, format!("{}-eve", t.config.workbench_namespace));
        create_namespace(t, &eve).await?;
        let (web, shell, raw) =
            (pod("web", "httpd", &[]), pod("shell", "httpd", &["sleep", "600"]), privileged("raw")?);
        let (web_address, shell_address, _) =
            tokio::try_join!(t.run_pod(bob, &web), t.run_pod(bob, &shell), t.run_pod(&eve, &raw))?;
        let (web_mac, eve_mac) = tokio::try_join!(mac(t, bob, "web"), mac(t, &eve, "raw"))?;

        // datagrams to a port where nobody listens, which the receiver counts; its policy lets the neighbour in
        let unasked = "awk '/^Udp: [0-9]/ { print $3 }' /proc/net/snmp";
        let before = ask(t, bob, "web", unasked).await?;
        let frame = datagram(&web_mac, &eve_mac, &shell_address, &web_address)?;
        for _ in 0..3 {
            ask(t, &eve, "raw", &format!("{SEND_FRAMES} {frame}")).await?;
        }
        assert_eq!(ask(t, bob, "web", unasked).await?, before, "a pod speaks from another's address");
        let honest = "exec 3<>/dev/udp/".to_owned() + &web_address + "/9 && echo >&3";
        ask(t, bob, "shell", &honest).await?;
        assert_ne!(
            ask(t, bob, "web", unasked).await?,
            before,
            "what the neighbour itself sends is not counted"
        );
        Ok(())
    })
    .await
}

/// An empty UDP datagram to port 9, as a frame.
fn datagram(to_mac: &str, from_mac: &str, from: &str, to: &str) -> Result<String> {
    let (from, to): (Ipv4Addr, Ipv4Addr) = (from.parse()?, to.parse()?);
    let mut packet = vec![0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0];
    packet.extend(from.octets().into_iter().chain(to.octets()));
    let mut sum: u32 = packet.chunks_exact(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let sum = !u16::try_from(sum).context("the checksum has more than 16 bits")?;
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend([0x30, 0x39, 0, 9, 0, 8, 0, 0]); // ports, length, and no checksum
    let packet: String = packet.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}{}0800{packet}", digits(to_mac), digits(from_mac)))
}
