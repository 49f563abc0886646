package netpol

import (
	"net/netip"

	"sigs.k8s.io/knftables"
)

// passedMark is set on packets that a pod sent through its port under its own addresses, and on nothing else. A pod
// cannot set it: the kernel clears marks when a packet leaves a pod.
const passedMark = "0x40000000"

// chainPrerouting is on the bridge's first hook: before it learns a sender, and before connections are tracked.
const chainPrerouting = "prerouting"

// Names of the sets of the bridge's table.
const (
	membersSet   = "members"   // interfaces of pods
	sendersSet   = "senders"   // interface, MAC and address of each pod
	receiversSet = "receivers" // interface and address of each pod
)

// Port is a pod's port of the bridge: the interface on the node, and the addresses under which the pod may send.
type Port struct {
	Interface string
	MAC       string
	Addresses []netip.Addr
	UID       string // of the pod
}

// bridgeRules returns the rules of the pods' bridge, a part for each port. A pod can send only under its own MAC and IPv4
// address, also in ARP, and only to one receiver at a time. A port receives only what is meant for its pod. There is no
// IPv6 on these ports: pods have no such addresses.
//
// A port that nobody announced is not among the members. Its packets have no mark, so no member receives them, and the
// other table keeps them from the node and the world. The rules do not match the bridge's name, because not every kernel
// can; packets of other bridges pass as before.
func bridgeRules(ports []Port, before Ruleset) Ruleset {
	rules := Ruleset{baseOwner: before[baseOwner]}
	if rules[baseOwner] == nil {
		rules[baseOwner] = bridgeBase()
	}
	for _, port := range ports {
		part := newPart()
		part.share(membersSet, quoted(port.Interface), "")
		for _, address := range port.Addresses {
			if address.Is4() {
				part.share(sendersSet, quoted(port.Interface)+" . "+port.MAC+" . "+address.String(), "")
				part.share(receiversSet, quoted(port.Interface)+" . "+address.String(), "")
			}
		}
		if was := before[port.Interface]; was != nil && equalShares(was, part) {
			part = was
		}
		rules[port.Interface] = part
	}
	return rules
}

func bridgeBase() *Part {
	part := newPart()
	part.Sets[membersSet] = Set{Type: "ifname"}
	part.Sets[sendersSet] = Set{Type: "ifname . ether_addr . ipv4_addr"}
	part.Sets[receiversSet] = Set{Type: "ifname . ipv4_addr"}
	pass := " meta mark set meta mark | " + passedMark + " accept"
	part.Hooks[chainPrerouting] = Hook{knftables.PreroutingHook, "-300"}
	part.Chains[chainPrerouting] = []string{
		"iifname != @members accept",
		// The type is read from the frame itself, so a frame with a VLAN tag does not match as what it carries.
		"ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 ether type ip iifname . ether saddr . ip saddr @senders" + pass,
		"ether type arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4 arp operation { request, reply } " +
			"iifname . ether saddr . arp saddr ip @senders iifname . arp saddr ether . arp saddr ip @senders" + pass,
		"drop",
	}
	// Frames to the bridge's own group addresses get here without passing the first hook.
	part.Hooks[chainInput] = Hook{knftables.InputHook, "-300"}
	part.Chains[chainInput] = []string{"iifname @members meta mark & " + passedMark + " == 0 drop"}
	part.Hooks[chainForward] = Hook{knftables.ForwardHook, "-200"}
	part.Chains[chainForward] = []string{
		"oifname != @members accept",
		"meta mark & " + passedMark + " == 0 drop",
		"ether type ip oifname . ip daddr @receivers accept",
		"ether type arp oifname . arp daddr ip @receivers accept",
		"drop",
	}
	return part
}

func quoted(name string) string { return `"` + name + `"` }

func equalShares(a, b *Part) bool {
	if len(a.Shared) != len(b.Shared) {
		return false
	}
	for container, elements := range a.Shared {
		if len(elements) != len(b.Shared[container]) {
			return false
		}
		for key := range elements {
			if _, there := b.Shared[container][key]; !there {
				return false
			}
		}
	}
	return true
}
