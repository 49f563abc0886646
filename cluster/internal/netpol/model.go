// Package netpol enforces NetworkPolicy on the pods of one node, and restricts each pod to its own addresses.
//
// Compiler turns policies, pods and namespaces into a Ruleset, one Part for each namespace, without side effects.
// bridgeRules does the same for the ports of the pods' bridge. A Writer brings an nftables table to a Ruleset in one
// transaction. Controller watches the API server and feeds them. Services need no attention: the rules run after
// kube-proxy's address translation and see the pods' own addresses.
package netpol

import (
	"fmt"
	"net/netip"

	"sigs.k8s.io/knftables"
)

// Names of chains that every table has. The others are named after the policies.
const (
	chainForward  = "forward"
	chainInput    = "input"
	chainIsolated = "isolated"
)

// Direction is a direction of traffic in which a policy isolates a pod.
type Direction string

// The two directions.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// directions are both directions, in the order of the rules.
var directions = []Direction{Ingress, Egress}

// family is one of the two internet protocols, with nft's words for it.
type family struct {
	suffix  string // of the sets' and maps' names
	keyword string // before saddr and daddr
	address string // type of a set's element
	bits    int    // of an address
}

var (
	ipv4     = family{suffix: "4", keyword: "ip", address: "ipv4_addr", bits: 32}
	ipv6     = family{suffix: "6", keyword: "ip6", address: "ipv6_addr", bits: 128}
	families = []family{ipv4, ipv6}
)

func familyOf(address netip.Addr) family {
	if address.Is4() {
		return ipv4
	}
	return ipv6
}

// isolatedMap returns the name of the map from a pod's address to the chain of its policies.
func isolatedMap(direction Direction, of family) string { return string(direction) + of.suffix }

// selfSet returns the name of the set of (address, same address) pairs: a pod always reaches itself.
func selfSet(of family) string { return "self" + of.suffix }

// knownSet returns the name of the set of the addresses of the node's pods.
func knownSet(of family) string { return "known" + of.suffix }

// flowsSet returns the name of the set in which the kernel counts each pod's connections.
func flowsSet(of family) string { return "flows" + of.suffix }

// hookPriority puts the rules before other programs' filters (priority 0) and after address translation (-100), so that a
// packet that a policy forbids is dropped before anybody else accepts it.
const hookPriority knftables.BaseChainPriority = "-5"

// baseRules returns the part that exists without any policy. With a bridge, what enters through it must come from a port
// that bridgeRules let pass and from a known pod: a forged address, or one that no pod has yet, would be subject to no
// policy. With a number of flows, a pod has at most that many connections in the kernel's table, which all pods share.
func baseRules(bridge string, flows int) *Part {
	part := newPart()
	established := "ct state established,related accept"
	// Neighbour discovery passes a bridge like any other packet. Without it no address resolves.
	neighbours := "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
	var forward, input []string
	both := func(rule string) { forward, input = append(forward, rule), append(input, rule) }
	if bridge != "" {
		both(fmt.Sprintf("iifname %q meta mark & %s == 0 drop", bridge, passedMark))
	}
	both(established)
	both(neighbours)
	for _, of := range families {
		part.Sets[selfSet(of)] = Set{Type: of.address + " . " + of.address}
		for _, direction := range directions {
			part.Verdicts[isolatedMap(direction, of)] = of.address + " : verdict"
		}
		leaves := of.keyword + " saddr vmap @" + isolatedMap(Egress, of)
		if bridge != "" {
			part.Sets[knownSet(of)] = Set{Type: of.address}
			both(fmt.Sprintf("iifname %q %s saddr != @%s drop", bridge, of.keyword, knownSet(of)))
			if flows > 0 {
				part.Sets[flowsSet(of)] = Set{Type: of.address, Size: mostPods}
				both(fmt.Sprintf("iifname %q ct state new add @%s { %s saddr ct count over %d } drop", bridge, flowsSet(of), of.keyword, flows))
			}
		}
		forward = append(forward,
			of.keyword+" saddr . "+of.keyword+" daddr @"+selfSet(of)+" accept",
			leaves,
			of.keyword+" daddr vmap @"+isolatedMap(Ingress, of))
		// What a pod sends to the node itself passes no forward hook. There is no ingress side here: neither the node nor
		// pods on its network are subject to policies.
		input = append(input, leaves)
	}
	part.Hooks[chainForward] = Hook{knftables.ForwardHook, hookPriority}
	part.Hooks[chainInput] = Hook{knftables.InputHook, hookPriority}
	part.Chains[chainForward] = forward
	part.Chains[chainInput] = input
	part.Chains[chainIsolated] = []string{"drop"}
	return part
}

// mostPods is more than the number of pods that a node can have.
const mostPods = 1 << 14
