// Package netpol enforces NetworkPolicy on the pods of one node.
//
// Compile turns policies, pods and namespaces into a Ruleset and touches nothing else; Writer brings nftables to a
// Ruleset in one transaction; Controller watches the API server and feeds the two. Services are not its business: the
// rules run after kube-proxy's address translation and see the pods' own addresses.
package netpol

import (
	"fmt"
	"net/netip"

	"sigs.k8s.io/knftables"
)

// Names of what every table holds. The rest is named after the policies.
const (
	chainForward = "forward"
	chainInput   = "input"
)

// Direction is a side of a pod that a policy isolates.
type Direction string

// The two directions.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// family is one of the two internet protocols, with the words that nft has for it.
type family struct {
	suffix  string // of the sets' and maps' names
	keyword string // before saddr and daddr
	address string // type of a set's element
}

var (
	ipv4     = family{suffix: "4", keyword: "ip", address: "ipv4_addr"}
	ipv6     = family{suffix: "6", keyword: "ip6", address: "ipv6_addr"}
	families = []family{ipv4, ipv6}
)

func familyOf(address netip.Addr) family {
	if address.Is4() {
		return ipv4
	}
	return ipv6
}

// isolatedMap names the map from a pod's address to the chain of its policies.
func isolatedMap(direction Direction, of family) string { return string(direction) + of.suffix }

// selfSet names the set of (address, same address) pairs: a pod always reaches itself.
func selfSet(of family) string { return "self" + of.suffix }

// knownSet names the set of the addresses of the node's pods.
func knownSet(of family) string { return "known" + of.suffix }

// Ruleset is the whole content of the table. Two equal Rulesets mean that nothing has to be written.
type Ruleset struct {
	// Chains maps a chain's name to its rules, in order.
	Chains map[string][]string
	// Sets maps a set's name to its type and elements.
	Sets map[string]Set
	// Verdicts maps a verdict map's name to its type and elements.
	Verdicts map[string]VerdictMap
}

// Set is a set of keys. Parts of a concatenated key are joined by " . ".
type Set struct {
	Type     string
	Elements map[string]struct{}
}

// VerdictMap maps an address to a verdict.
type VerdictMap struct {
	Type     string
	Elements map[string]string
}

// baseChains are the chains that hang on a hook. Their priority puts them before other filters: a packet that a
// policy forbids is dropped before anybody else accepts it, and after the translation of addresses.
func baseChains() map[string]knftables.BaseChainHook {
	return map[string]knftables.BaseChainHook{
		chainForward: knftables.ForwardHook,
		chainInput:   knftables.InputHook,
	}
}

// newRuleset returns the rules of a node without policies. With a bridge, a sender on it must be a known pod: a forged
// address, or one that no pod has yet, would be subject to no policy.
func newRuleset(bridge string) Ruleset {
	rules := Ruleset{
		Chains:   map[string][]string{},
		Sets:     map[string]Set{},
		Verdicts: map[string]VerdictMap{},
	}
	established := "ct state established,related accept"
	// Neighbour discovery passes a bridge like any other packet; without it no address resolves.
	neighbours := "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
	forward := []string{established, neighbours}
	input := []string{established, neighbours}
	for _, of := range families {
		rules.Sets[selfSet(of)] = Set{Type: of.address + " . " + of.address, Elements: map[string]struct{}{}}
		for _, direction := range []Direction{Egress, Ingress} {
			rules.Verdicts[isolatedMap(direction, of)] = VerdictMap{Type: of.address + " : verdict", Elements: map[string]string{}}
		}
		leaves := of.keyword + " saddr vmap @" + isolatedMap(Egress, of)
		if bridge != "" {
			rules.Sets[knownSet(of)] = Set{Type: of.address, Elements: map[string]struct{}{}}
			unknown := fmt.Sprintf("iifname %q %s saddr != @%s drop", bridge, of.keyword, knownSet(of))
			forward = append(forward, unknown)
			input = append(input, unknown)
		}
		forward = append(forward,
			of.keyword+" saddr . "+of.keyword+" daddr @"+selfSet(of)+" accept",
			leaves,
			of.keyword+" daddr vmap @"+isolatedMap(Ingress, of))
		// What a pod sends to the node itself passes no forward hook. There is no ingress side here: the node is not
		// subject to policies, nor are pods on its network.
		input = append(input, leaves)
	}
	rules.Chains[chainForward] = forward
	rules.Chains[chainInput] = input
	return rules
}
