package netpol

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// span is a range of ports, both ends within.
type span struct{ first, last int32 }

// protocols are those that policies know, in the order of the rules.
var protocols = []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}

// ports returns the matches of a rule's ports. A name stands for another number on every pod, so the named ones become
// a set of (destination, protocol, number).
func (c *compiler) ports(policy *networkingv1.NetworkPolicy, direction Direction, name string, rule allowance) []match {
	if len(rule.ports) == 0 {
		return []match{{}}
	}
	spans := map[corev1.Protocol][]span{}
	named := map[string]Set{}
	for _, of := range families {
		named[of.suffix] = Set{Type: of.address + " . inet_proto . inet_service", Elements: map[string]struct{}{}}
	}
	for _, port := range rule.ports {
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
			for _, pod := range c.destinations(policy, direction, rule) {
				addNamed(named, pod, protocol, port.Port.StrVal)
			}
		}
	}
	var matches []match
	for _, protocol := range protocols {
		if len(spans[protocol]) > 0 {
			matches = append(matches, match{expression: portExpression(protocol, merge(spans[protocol]))})
		}
	}
	for _, of := range families {
		if len(named[of.suffix].Elements) > 0 {
			c.rules.Sets[name+"_ports"+of.suffix] = named[of.suffix]
			matches = append(matches, match{of.keyword + " daddr . meta l4proto . th dport @" + name + "_ports" + of.suffix, &of})
		}
	}
	return matches
}

// destinations returns the pods on which the rule's named ports are looked up: those that the policy selects, or for
// egress the peers, including pods whose address lies in an allowed range.
func (c *compiler) destinations(policy *networkingv1.NetworkPolicy, direction Direction, rule allowance) []Pod {
	var accepts []func(Pod) bool
	switch {
	case direction == Ingress:
		selector := c.matcher(&policy.Spec.PodSelector)
		accepts = append(accepts, func(pod Pod) bool {
			return pod.Namespace == policy.Namespace && selector.Matches(pod.Labels)
		})
	case len(rule.peers) == 0:
		return c.state.Pods
	default:
		for _, peer := range rule.peers {
			if peer.IPBlock == nil {
				accepts = append(accepts, c.podPeer(policy.Namespace, peer))
			} else if allowed, _, err := parseBlock(peer.IPBlock); err == nil {
				accepts = append(accepts, func(pod Pod) bool { return slices.ContainsFunc(pod.Addresses, allowed.Contains) })
			}
		}
	}
	var pods []Pod
	for _, pod := range c.state.Pods {
		if slices.ContainsFunc(accepts, func(accept func(Pod) bool) bool { return accept(pod) }) {
			pods = append(pods, pod)
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

// merge joins ranges that overlap or touch, which nft refuses in one set.
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

func portExpression(protocol corev1.Protocol, spans []span) string {
	word := strings.ToLower(string(protocol))
	if len(spans) == 1 && spans[0] == (span{0, 65535}) {
		return "meta l4proto " + word
	}
	var texts []string
	for _, one := range spans {
		if one.first == one.last {
			texts = append(texts, fmt.Sprint(one.first))
		} else {
			texts = append(texts, fmt.Sprintf("%d-%d", one.first, one.last))
		}
	}
	return fmt.Sprintf("%s dport { %s }", word, strings.Join(texts, ", "))
}
