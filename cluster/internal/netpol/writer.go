package netpol

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/knftables"
)

// Writer keeps an nftables table in line with the last Ruleset that it was given.
type Writer struct {
	nft     knftables.Interface
	written Ruleset // what the table holds; nil if that is not known
	shared  map[string]map[string]claim
}

// claim is an element of a shared container: its verdict, and the part that owns it.
type claim struct{ verdict, owner string }

// NewWriter returns a writer whose first Write replaces the whole table.
func NewWriter(nft knftables.Interface) *Writer { return &Writer{nft: nft} }

// Knows returns whether the table's content is known. If it is not, the next Write replaces it.
func (w *Writer) Knows() bool { return w.written != nil }

// Forget makes the next Write replace the whole table.
func (w *Writer) Forget() { w.written, w.shared = nil, nil }

// Write brings the table in line with the rules in one transaction, and returns whether there was anything to write. Only
// parts whose pointer changed are compared. After an error the next call replaces the whole table.
func (w *Writer) Write(ctx context.Context, rules Ruleset) (bool, error) {
	tx := w.nft.NewTransaction()
	if w.written == nil {
		tx.Add(&knftables.Table{})
		tx.Delete(&knftables.Table{})
		tx.Add(&knftables.Table{})
		w.shared = map[string]map[string]claim{}
	}
	owners := w.changed(rules)
	before := func(owner string) *Part {
		if part, there := w.written[owner]; there {
			return part
		}
		return newPart()
	}
	after := func(owner string) *Part {
		if part, there := rules[owner]; there {
			return part
		}
		return newPart()
	}
	for _, owner := range owners {
		addContainers(tx, before(owner), after(owner))
	}
	for _, owner := range owners {
		replaceChains(tx, before(owner), after(owner))
		changeElements(tx, before(owner), after(owner))
	}
	w.changeShared(tx, owners, before, after)
	for _, owner := range owners {
		deleteContainers(tx, before(owner), after(owner))
	}
	if tx.NumOperations() > 0 {
		if err := w.nft.Run(ctx, tx); err != nil {
			w.Forget()
			return false, fmt.Errorf("could not write the rules: %w", err)
		}
	}
	w.written = maps.Clone(rules)
	return tx.NumOperations() > 0, nil
}

// changed returns the owners whose parts differ from the written ones, the base first.
func (w *Writer) changed(rules Ruleset) []string {
	var owners []string
	for owner, part := range rules {
		if w.written[owner] != part {
			owners = append(owners, owner)
		}
	}
	for owner := range w.written {
		if _, stays := rules[owner]; !stays {
			owners = append(owners, owner)
		}
	}
	slices.Sort(owners)
	return owners
}

// Verify checks whether the table still exists. If it does not, the next Write replaces it.
func (w *Writer) Verify(ctx context.Context) error {
	if !w.Knows() {
		return nil
	}
	err := findChains(ctx, w.nft, w.written[baseOwner])
	if err != nil {
		w.Forget()
	}
	return err
}

// findChains returns an error unless the table has the chains of its base part. It may run concurrently with a writer.
func findChains(ctx context.Context, nft knftables.Interface, base *Part) error {
	chains, err := nft.List(ctx, "chain")
	if err == nil {
		for chain := range base.Chains {
			if !slices.Contains(chains, chain) {
				err = fmt.Errorf("the chain %s is gone", chain)
				break
			}
		}
	}
	if err != nil {
		return fmt.Errorf("could not find the rules that were written: %w", err)
	}
	return nil
}

// Remove deletes the table and everything in it. It is no error if there is none.
func (w *Writer) Remove(ctx context.Context) error {
	tx := w.nft.NewTransaction()
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	w.Forget()
	if err := w.nft.Run(ctx, tx); err != nil {
		return fmt.Errorf("could not delete the table: %w", err)
	}
	return nil
}

// addContainers adds new sets, maps and chains, before any rule refers to them.
func addContainers(tx *knftables.Transaction, before, after *Part) {
	for _, name := range slices.Sorted(maps.Keys(after.Sets)) {
		if _, there := before.Sets[name]; there {
			continue
		}
		set := &knftables.Set{Name: name, Type: after.Sets[name].Type}
		if size := after.Sets[name].Size; size > 0 {
			set.Size, set.Flags = &size, []knftables.SetFlag{knftables.DynamicFlag}
		}
		tx.Add(set)
	}
	for _, name := range slices.Sorted(maps.Keys(after.Chains)) {
		if _, there := before.Chains[name]; there {
			continue
		}
		chain := &knftables.Chain{Name: name}
		if hook, based := after.Hooks[name]; based {
			chain.Type = knftables.PtrTo(knftables.FilterType)
			chain.Hook = knftables.PtrTo(hook.Name)
			chain.Priority = knftables.PtrTo(hook.Priority)
		}
		tx.Add(chain)
	}
	for _, name := range slices.Sorted(maps.Keys(after.Verdicts)) {
		if _, there := before.Verdicts[name]; !there {
			tx.Add(&knftables.Map{Name: name, Type: after.Verdicts[name]})
		}
	}
}

// replaceChains refills the chains whose rules changed.
func replaceChains(tx *knftables.Transaction, before, after *Part) {
	for _, name := range slices.Sorted(maps.Keys(after.Chains)) {
		old, there := before.Chains[name]
		if there && slices.Equal(old, after.Chains[name]) {
			continue
		}
		if there {
			tx.Flush(&knftables.Chain{Name: name})
		}
		for _, rule := range after.Chains[name] {
			tx.Add(&knftables.Rule{Chain: name, Rule: rule})
		}
	}
}

// changeElements brings the part's own sets in line with their elements.
func changeElements(tx *knftables.Transaction, before, after *Part) {
	for _, name := range slices.Sorted(maps.Keys(after.Sets)) {
		old, now := before.Sets[name].Elements, after.Sets[name].Elements
		for _, key := range slices.Sorted(maps.Keys(old)) {
			if _, stays := now[key]; !stays {
				tx.Delete(&knftables.Element{Set: name, Key: keyParts(key)})
			}
		}
		for _, key := range slices.Sorted(maps.Keys(now)) {
			if _, there := old[key]; !there {
				tx.Add(&knftables.Element{Set: name, Key: keyParts(key)})
			}
		}
	}
}

// deleteContainers removes chains and sets that nothing refers to any more: chains first, because their rules refer to
// sets.
func deleteContainers(tx *knftables.Transaction, before, after *Part) {
	for _, name := range slices.Sorted(maps.Keys(before.Chains)) {
		if _, stays := after.Chains[name]; !stays {
			tx.Flush(&knftables.Chain{Name: name})
			tx.Delete(&knftables.Chain{Name: name})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before.Sets)) {
		if _, stays := after.Sets[name]; !stays {
			tx.Delete(&knftables.Set{Name: name})
		}
	}
}

func keyParts(key string) []string { return strings.Split(key, " . ") }
