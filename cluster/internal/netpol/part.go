package netpol

import "sigs.k8s.io/knftables"

// baseOwner owns the part that always exists. Every other part's owner has a name.
const baseOwner = ""

// Ruleset is the whole content of a table: the part of each owner. A part is not changed once it is in a Ruleset, so an
// equal pointer means an equal part.
type Ruleset map[string]*Part

// Part is what one owner contributes to a table. Names of chains and sets are unique among all parts.
type Part struct {
	// Hooks maps the name of a base chain to its hook.
	Hooks map[string]Hook
	// Chains maps a chain's name to its rules, in order.
	Chains map[string][]string
	// Sets maps a set's name to its type and the elements that this part puts into it.
	Sets map[string]Set
	// Verdicts maps a verdict map's name to its type.
	Verdicts map[string]string
	// Shared maps the name of a set or verdict map of the base part to elements for it: each key with its verdict, which
	// is empty in a set. If two parts claim a key, the one that was written last has it.
	Shared map[string]map[string]string
	// Refused says why the owner's policies were not compiled and its pods are isolated. Empty if they were compiled.
	Refused string
}

// Hook is the place in the kernel where a base chain runs.
type Hook struct {
	Name     knftables.BaseChainHook
	Priority knftables.BaseChainPriority
}

// Set is a set of keys. Parts of a concatenated key are joined by " . ".
type Set struct {
	Type     string
	Elements map[string]struct{}
	// Size is the capacity of a set that the kernel fills, or 0 for all others.
	Size uint64
}

func newPart() *Part {
	return &Part{
		Hooks:    map[string]Hook{},
		Chains:   map[string][]string{},
		Sets:     map[string]Set{},
		Verdicts: map[string]string{},
		Shared:   map[string]map[string]string{},
	}
}

// share adds an element to a set or verdict map of the base part.
func (p *Part) share(container, key, verdict string) {
	if p.Shared[container] == nil {
		p.Shared[container] = map[string]string{}
	}
	p.Shared[container][key] = verdict
}

// size counts the part's rules and elements.
func (p *Part) size() int {
	size := 0
	for _, rules := range p.Chains {
		size += len(rules)
	}
	for _, set := range p.Sets {
		size += len(set.Elements)
	}
	for _, elements := range p.Shared {
		size += len(elements)
	}
	return size
}
