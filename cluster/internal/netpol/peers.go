package netpol

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// peers returns the matches for the rule's peers. All pods that the peers select share one set per family, so a pod that
// comes or goes changes elements but no rule. Ranges of one length share a set, too.
func (r *ruleCompiler) peers() []match {
	if len(r.rule.peers) == 0 {
		return []match{{}}
	}
	end := "saddr"
	if r.direction == Egress {
		end = "daddr"
	}
	var matches []match
	ranges := prefixes{}
	pods := map[string]Set{}
	for _, peer := range r.rule.peers {
		if peer.IPBlock != nil {
			allowed, except, err := parseBlock(peer.IPBlock)
			switch {
			case err != nil:
				r.policy.errs = append(r.policy.errs, err)
			case len(except) == 0:
				ranges.add(allowed)
			default:
				matches = append(matches, rangeWithout(end, allowed, except))
			}
			continue
		}
		selects := r.podPeer(peer)
		r.policy.watches = append(r.policy.watches, selects)
		for _, pod := range r.candidates(peer) {
			if selects(pod) {
				addAddresses(pods, pod)
			}
		}
	}
	matches = append(matches, r.rangeMatches(end, ranges)...)
	for _, of := range families {
		if set, made := pods[of.suffix]; made {
			name := r.name + "_pods" + of.suffix
			r.side.sets[name] = set
			matches = append(matches, match{of.keyword + " " + end + " @" + name, &of})
		}
	}
	return matches
}

func addAddresses(pods map[string]Set, pod Pod) {
	for _, address := range pod.Addresses {
		of := familyOf(address)
		if _, made := pods[of.suffix]; !made {
			pods[of.suffix] = Set{Type: of.address, Elements: map[string]struct{}{}}
		}
		pods[of.suffix].Elements[address.String()] = struct{}{}
	}
}

// podPeer returns whether a peer with selectors selects a pod. An absent namespace selector means the policy's own
// namespace, an absent pod selector all pods.
func (r *ruleCompiler) podPeer(peer networkingv1.NetworkPolicyPeer) func(Pod) bool {
	namespace, world := r.policy.policy.Namespace, r.world
	pods, namespaces := labels.Everything(), labels.Nothing()
	if peer.PodSelector != nil {
		pods = r.policy.read(peer.PodSelector)
	}
	if peer.NamespaceSelector != nil {
		namespaces = r.policy.read(peer.NamespaceSelector)
	}
	return func(pod Pod) bool {
		if peer.NamespaceSelector == nil {
			return peer.PodSelector != nil && pod.Namespace == namespace && pods.Matches(pod.Labels)
		}
		of, known := world.namespaces[pod.Namespace]
		return known && namespaces.Matches(of) && pods.Matches(pod.Labels)
	}
}

// candidates returns the pods from which the peer selects: without a namespace selector, those of the policy's own
// namespace.
func (r *ruleCompiler) candidates(peer networkingv1.NetworkPolicyPeer) []Pod {
	if peer.NamespaceSelector == nil {
		return r.world.podsOf(r.policy.policy.Namespace)
	}
	selector := r.policy.read(peer.NamespaceSelector)
	var pods []Pod
	for name, of := range r.world.namespaces {
		if selector.Matches(of) {
			pods = append(pods, r.world.podsOf(name)...)
		}
	}
	return pods
}
