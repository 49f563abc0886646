package netpol

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sigs.k8s.io/knftables"
)

// hookPriority puts the rules before the filters of others (priority 0) and after address translation (-100).
const hookPriority knftables.BaseChainPriority = "-5"

// Writer keeps one nftables table like the last Ruleset that it was given.
type Writer struct {
	nft     knftables.Interface
	written *Ruleset // what the table holds; nil when that is not known
}

// NewWriter returns a writer that replaces the whole table the first time.
func NewWriter(nft knftables.Interface) *Writer { return &Writer{nft: nft} }

// Write brings the table to the rules in one transaction, and says whether there was anything to write. After an
// error the next call replaces the whole table.
func (w *Writer) Write(ctx context.Context, rules Ruleset) (bool, error) {
	if w.written != nil && reflect.DeepEqual(*w.written, rules) {
		return false, nil
	}
	tx := w.nft.NewTransaction()
	var before Ruleset
	if w.written == nil {
		tx.Add(&knftables.Table{})
		tx.Delete(&knftables.Table{})
		tx.Add(&knftables.Table{})
	} else {
		before = *w.written
	}
	addContainers(tx, before, rules)
	replaceChains(tx, before, rules)
	changeElements(tx, before, rules)
	deleteContainers(tx, before, rules)
	if err := w.nft.Run(ctx, tx); err != nil {
		w.written = nil
		return false, fmt.Errorf("could not write the rules: %w", err)
	}
	w.written = &rules
	return true, nil
}

// Verify looks whether the table is still there; when it is not, the next Write replaces it.
func (w *Writer) Verify(ctx context.Context) error {
	if w.written == nil {
		return nil
	}
	chains, err := w.nft.List(ctx, "chain")
	if err == nil {
		for chain := range w.written.Chains {
			if !slices.Contains(chains, chain) {
				err = fmt.Errorf("the chain %s is gone", chain)
				break
			}
		}
	}
	if err != nil {
		w.written = nil
		return fmt.Errorf("could not find the rules that were written: %w", err)
	}
	return nil
}

// Remove deletes the table with all that is in it. It is no error when there is none.
func (w *Writer) Remove(ctx context.Context) error {
	tx := w.nft.NewTransaction()
	tx.Add(&knftables.Table{})
	tx.Delete(&knftables.Table{})
	w.written = nil
	if err := w.nft.Run(ctx, tx); err != nil {
		return fmt.Errorf("could not delete the table: %w", err)
	}
	return nil
}

// addContainers makes the sets, maps and chains that are new, before any rule refers to them.
func addContainers(tx *knftables.Transaction, before, after Ruleset) {
	for _, name := range slices.Sorted(maps.Keys(after.Sets)) {
		if _, there := before.Sets[name]; !there {
			tx.Add(&knftables.Set{Name: name, Type: after.Sets[name].Type})
		}
	}
	hooks := baseChains()
	for _, name := range slices.Sorted(maps.Keys(after.Chains)) {
		if _, there := before.Chains[name]; there {
			continue
		}
		chain := &knftables.Chain{Name: name}
		if hook, based := hooks[name]; based {
			chain.Type = knftables.PtrTo(knftables.FilterType)
			chain.Hook = knftables.PtrTo(hook)
			chain.Priority = knftables.PtrTo(hookPriority)
		}
		tx.Add(chain)
	}
	for _, name := range slices.Sorted(maps.Keys(after.Verdicts)) {
		if _, there := before.Verdicts[name]; !there {
			tx.Add(&knftables.Map{Name: name, Type: after.Verdicts[name].Type})
		}
	}
}

// replaceChains fills the chains whose rules changed.
func replaceChains(tx *knftables.Transaction, before, after Ruleset) {
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

// changeElements brings the sets and maps that stay to their elements.
func changeElements(tx *knftables.Transaction, before, after Ruleset) {
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
	for _, name := range slices.Sorted(maps.Keys(after.Verdicts)) {
		old, now := before.Verdicts[name].Elements, after.Verdicts[name].Elements
		for _, key := range slices.Sorted(maps.Keys(old)) {
			if now[key] != old[key] {
				tx.Delete(&knftables.Element{Map: name, Key: keyParts(key), Value: []string{old[key]}})
			}
		}
		for _, key := range slices.Sorted(maps.Keys(now)) {
			if now[key] != old[key] {
				tx.Add(&knftables.Element{Map: name, Key: keyParts(key), Value: []string{now[key]}})
			}
		}
	}
}

// deleteContainers removes the chains and sets that nothing refers to any more: chains first, as their rules name sets.
func deleteContainers(tx *knftables.Transaction, before, after Ruleset) {
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
