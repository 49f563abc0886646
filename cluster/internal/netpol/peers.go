package netpol

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// matcher reads a selector; one that cannot be read matches nothing.
func (c *compiler) matcher(selector *metav1.LabelSelector) labels.Selector {
	read, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		c.errs = append(c.errs, fmt.Errorf("could not read the selector %v: %w", selector, err))
		return labels.Nothing()
	}
	return read
}

// peers returns the matches of a rule's other end. All pods that the peers select share one set per family, so that a
// pod which comes or goes changes elements and no rule.
func (c *compiler) peers(namespace string, direction Direction, name string, peers []networkingv1.NetworkPolicyPeer) []match {
	if len(peers) == 0 {
		return []match{{}}
	}
	side := "saddr"
	if direction == Egress {
		side = "daddr"
	}
	var matches []match
	pods := map[string]Set{}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			matches = append(matches, c.block(side, peer.IPBlock)...)
			continue
		}
		for _, of := range families {
			if _, made := pods[of.suffix]; !made {
				pods[of.suffix] = Set{Type: of.address, Elements: map[string]struct{}{}}
			}
		}
		selects := c.podPeer(namespace, peer)
		for _, pod := range c.state.Pods {
			if !selects(pod) {
				continue
			}
			for _, address := range pod.Addresses {
				pods[familyOf(address).suffix].Elements[address.String()] = struct{}{}
			}
		}
	}
	for _, of := range families {
		if set, made := pods[of.suffix]; made && len(set.Elements) > 0 {
			c.rules.Sets[name+"_pods"+of.suffix] = set
			matches = append(matches, match{of.keyword + " " + side + " @" + name + "_pods" + of.suffix, &of})
		}
	}
	return matches
}

// podPeer returns whether a pod is selected by a peer that has selectors: an absent namespace selector means the
// policy's own namespace, an absent pod selector all pods.
func (c *compiler) podPeer(namespace string, peer networkingv1.NetworkPolicyPeer) func(Pod) bool {
	pods, namespaces := labels.Everything(), labels.Nothing()
	if peer.PodSelector != nil {
		pods = c.matcher(peer.PodSelector)
	}
	if peer.NamespaceSelector != nil {
		namespaces = c.matcher(peer.NamespaceSelector)
	}
	return func(pod Pod) bool {
		if !pods.Matches(pod.Labels) {
			return false
		}
		if peer.NamespaceSelector == nil {
			return peer.PodSelector != nil && pod.Namespace == namespace
		}
		of, known := c.state.Namespaces[pod.Namespace]
		return known && namespaces.Matches(of)
	}
}

// block returns the match of an address range less its exceptions.
func (c *compiler) block(side string, block *networkingv1.IPBlock) []match {
	allowed, except, err := parseBlock(block)
	if err != nil {
		c.errs = append(c.errs, err)
		return nil
	}
	of := familyOf(allowed.Addr())
	expression := fmt.Sprintf("%s %s %s", of.keyword, side, allowed)
	if len(except) > 0 {
		var texts []string
		for _, one := range except {
			texts = append(texts, one.String())
		}
		expression += fmt.Sprintf(" %s %s != { %s }", of.keyword, side, strings.Join(texts, ", "))
	}
	return []match{{expression, &of}}
}

// parseBlock reads a block. Exceptions that lie in other exceptions are left out: nft refuses overlaps.
func parseBlock(block *networkingv1.IPBlock) (netip.Prefix, []netip.Prefix, error) {
	allowed, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return netip.Prefix{}, nil, fmt.Errorf("could not read the address range %q: %w", block.CIDR, err)
	}
	var except []netip.Prefix
	for _, text := range block.Except {
		one, err := netip.ParsePrefix(text)
		if err != nil {
			return netip.Prefix{}, nil, fmt.Errorf("could not read the exception %q: %w", text, err)
		}
		except = append(except, one.Masked())
	}
	slices.SortFunc(except, func(a, b netip.Prefix) int {
		if a.Bits() != b.Bits() {
			return a.Bits() - b.Bits()
		}
		return a.Addr().Compare(b.Addr())
	})
	var apart []netip.Prefix
	for _, one := range except {
		if !slices.ContainsFunc(apart, func(wider netip.Prefix) bool { return wider.Overlaps(one) }) {
			apart = append(apart, one)
		}
	}
	return allowed.Masked(), apart, nil
}
