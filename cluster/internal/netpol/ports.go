package netpol

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// span is a range of ports, including both ends.
type span struct{ first, last int32 }

// protocols are the protocols that policies know, in the order of the rules.
var protocols = []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}

// ports returns the matches for a rule's ports. A name may mean a different number on every pod, so named ports become a
// set of (destination, protocol, number).
func (r *ruleCompiler) ports() []match {
	if len(r.rule.ports) == 0 {
		return []match{{}}
	}
	spans := map[corev1.Protocol][]span{}
	named := map[string]Set{}
	for _, of := range families {
		named[of.suffix] = Set{Type: of.address + " . inet_proto . inet_service", Elements: map[string]struct{}{}}
	}
	for _, port := range r.rule.ports {
		protocol := corev1.ProtocolTCP
		if port.Protocol != nil {
			protocol = *port.Protocol
		}
		switch {
		case port.Port == nil:
			spans[protocol] = append(spans[protocol], span{0, 65535})
		case port.Port.Type == intstr.Int:
			wanted := span{port.Port.IntVal, port.Port.IntVal}
			if port.EndPort != nil {
				wanted.last = *port.EndPort
			}
			spans[protocol] = append(spans[protocol], wanted)
		default:
			for _, pod := range r.destinations() {
				addNamed(named, pod, protocol, port.Port.StrVal)
			}
		}
	}
	var matches []match
	for _, protocol := range protocols {
		if len(spans[protocol]) > 0 {
			matches = append(matches, portMatches(protocol, merge(spans[protocol]))...)
		}
	}
	for _, of := range families {
		if len(named[of.suffix].Elements) > 0 {
			name := r.name + "_ports" + of.suffix
			r.side.sets[name] = named[of.suffix]
			matches = append(matches, match{of.keyword + " daddr . meta l4proto . th dport @" + name, &of})
		}
	}
	return matches
}

// destinations returns the pods on which the rule's named ports are looked up: those that the policy selects, or for
// egress the peers, including pods whose address is in an allowed range.
func (r *ruleCompiler) destinations() []Pod {
	var accepts []func(Pod) bool
	switch {
	case r.direction == Ingress:
		selector, namespace := r.policy.selector, r.policy.policy.Namespace
		accepts = append(accepts, func(pod Pod) bool { return pod.Namespace == namespace && selector.Matches(pod.Labels) })
	case len(r.rule.peers) == 0:
		accepts = append(accepts, func(Pod) bool { return true })
	default:
		for _, peer := range r.rule.peers {
			if peer.IPBlock == nil {
				accepts = append(accepts, r.podPeer(peer))
			} else if allowed, _, err := parseBlock(peer.IPBlock); err == nil {
				accepts = append(accepts, func(pod Pod) bool { return slices.ContainsFunc(pod.Addresses, allowed.Contains) })
			}
		}
	}
	r.policy.watches = append(r.policy.watches, accepts...)
	var pods []Pod
	for _, named := range r.world.pods {
		for _, pod := range named {
			if slices.ContainsFunc(accepts, func(accept func(Pod) bool) bool { return accept(pod) }) {
				pods = append(pods, pod)
			}
		}
	}
	return pods
}

func addNamed(named map[string]Set, pod Pod, protocol corev1.Protocol, name string) {
	for _, port := range pod.Ports {
		if port.Name != name || port.Protocol != protocol {
			continue
		}
		for _, address := range pod.Addresses {
			key := fmt.Sprintf("%s . %s . %d", address, strings.ToLower(string(protocol)), port.Port)
			named[familyOf(address).suffix].Elements[key] = struct{}{}
		}
	}
}

// merge joins ranges that overlap or touch, because nft refuses those in one set.
func merge(spans []span) []span {
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b span) int { return int(a.first - b.first) })
	merged := sorted[:1]
	for _, next := range sorted[1:] {
		if last := &merged[len(merged)-1]; next.first <= last.last+1 {
			last.last = max(last.last, next.last)
		} else {
			merged = append(merged, next)
		}
	}
	return merged
}

// portMatches returns one match for all single ports and one for each range.
func portMatches(protocol corev1.Protocol, spans []span) []match {
	word := strings.ToLower(string(protocol))
	var singles []string
	var ranges []match
	for _, one := range spans {
		switch {
		case one == (span{0, 65535}):
			return []match{{expression: "meta l4proto " + word}}
		case one.first == one.last:
			singles = append(singles, fmt.Sprint(one.first))
		default:
			ranges = append(ranges, match{expression: fmt.Sprintf("%s dport %d-%d", word, one.first, one.last)})
		}
	}
	if len(singles) == 0 {
		return ranges
	}
	return append([]match{{expression: fmt.Sprintf("%s dport { %s }", word, strings.Join(singles, ", "))}}, ranges...)
}
