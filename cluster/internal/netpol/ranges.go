package netpol

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// mostLengths is the maximum number of comparisons in one rule: the kernel accepts 128 expressions, and each comparison
// needs three.
const mostLengths = 32

// prefixes are address ranges by family and length. Ranges of one length fit into a plain set. Interval sets are avoided,
// because nft reads all of them, whoever they belong to, before it changes an element anywhere.
type prefixes map[family]map[int]map[netip.Addr]struct{}

func (p prefixes) add(one netip.Prefix) {
	of := familyOf(one.Addr())
	if p[of] == nil {
		p[of] = map[int]map[netip.Addr]struct{}{}
	}
	if p[of][one.Bits()] == nil {
		p[of][one.Bits()] = map[netip.Addr]struct{}{}
	}
	p[of][one.Bits()][one.Addr()] = struct{}{}
}

// rangeMatches returns a match for each length: the range itself if there is only one, else the set of all.
func (r *ruleCompiler) rangeMatches(end string, ranges prefixes) []match {
	var matches []match
	for _, of := range families {
		for _, length := range slices.Sorted(maps.Keys(ranges[of])) {
			starts := ranges[of][length]
			if len(starts) == 1 {
				for start := range starts {
					matches = append(matches, match{fmt.Sprintf("%s %s %s", of.keyword, end, netip.PrefixFrom(start, length)), &of})
				}
				continue
			}
			set := Set{Type: of.address, Elements: map[string]struct{}{}}
			for start := range starts {
				set.Elements[start.String()] = struct{}{}
			}
			name := fmt.Sprintf("%s_ranges%s_%d", r.name, of.suffix, length)
			r.side.sets[name] = set
			matches = append(matches, match{fmt.Sprintf("%s @%s", masked(of, end, length), name), &of})
		}
	}
	return matches
}

// masked returns an expression for the first bits of an address.
func masked(of family, end string, length int) string {
	if length == of.bits {
		return of.keyword + " " + end
	}
	mask, _ := netip.AddrFromSlice(net.CIDRMask(length, of.bits))
	return fmt.Sprintf("%s %s & %s", of.keyword, end, mask)
}

// rangeWithout returns the match for an address range without its exceptions: a comparison for each length of those.
func rangeWithout(end string, allowed netip.Prefix, except []netip.Prefix) match {
	of := familyOf(allowed.Addr())
	expression := fmt.Sprintf("%s %s %s", of.keyword, end, allowed)
	lengths := map[int][]string{}
	var all []string
	for _, one := range except {
		lengths[one.Bits()] = append(lengths[one.Bits()], one.Addr().String())
		all = append(all, one.String())
	}
	if len(lengths) > mostLengths {
		return match{fmt.Sprintf("%s %s %s != { %s }", expression, of.keyword, end, strings.Join(all, ", ")), &of}
	}
	for _, length := range slices.Sorted(maps.Keys(lengths)) {
		if starts := lengths[length]; len(starts) == 1 {
			expression += fmt.Sprintf(" %s %s != %s/%d", of.keyword, end, starts[0], length)
		} else {
			expression += fmt.Sprintf(" %s != { %s }", masked(of, end, length), strings.Join(starts, ", "))
		}
	}
	return match{expression, &of}
}

// parseBlock parses a block. Exceptions inside other exceptions are left out.
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
	wider := map[netip.Prefix]struct{}{}
	for _, one := range except {
		if !covered(wider, one) {
			apart = append(apart, one)
			wider[one] = struct{}{}
		}
	}
	return allowed.Masked(), apart, nil
}

// covered returns whether a range, or one that contains it, is among the others.
func covered(others map[netip.Prefix]struct{}, one netip.Prefix) bool {
	for bits := one.Bits(); bits >= 0; bits-- {
		if _, there := others[netip.PrefixFrom(one.Addr(), bits).Masked()]; there {
			return true
		}
	}
	return false
}
