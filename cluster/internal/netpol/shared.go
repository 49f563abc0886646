package netpol

import (
	"maps"
	"slices"

	"sigs.k8s.io/knftables"
)

// place is a key of a shared set or verdict map.
type place struct{ container, key string }

// changeShared brings the shared sets and maps in line with what the parts claim. An address that one part gives up and
// another takes in the same transaction changes once.
func (w *Writer) changeShared(tx *knftables.Transaction, owners []string, before, after func(string) *Part) {
	was := map[place]*claim{} // of every place that may change; nil if there was nothing
	set := func(at place, now *claim) {
		held, there := w.shared[at.container][at.key]
		if _, noted := was[at]; !noted {
			was[at] = nil
			if there {
				was[at] = &held
			}
		}
		if now == nil {
			delete(w.shared[at.container], at.key)
			return
		}
		if w.shared[at.container] == nil {
			w.shared[at.container] = map[string]claim{}
		}
		w.shared[at.container][at.key] = *now
	}
	for _, owner := range owners {
		now := after(owner).Shared
		for container, elements := range before(owner).Shared {
			for key := range elements {
				if _, stays := now[container][key]; !stays && w.shared[container][key].owner == owner {
					set(place{container, key}, w.heir(owners, container, key))
				}
			}
		}
	}
	for _, owner := range owners {
		for container, elements := range after(owner).Shared {
			for key, verdict := range elements {
				set(place{container, key}, &claim{verdict, owner})
			}
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(was), comparePlaces) {
		old := was[at]
		now, there := w.shared[at.container][at.key]
		if old != nil && there && old.verdict == now.verdict {
			continue
		}
		if old != nil {
			tx.Delete(w.element(at, old.verdict))
		}
		if there {
			tx.Add(w.element(at, now.verdict))
		}
	}
}

// heir returns an unchanged part's claim to what another part gives up, or nil if there is none.
func (w *Writer) heir(changing []string, container, key string) *claim {
	for owner, part := range w.written {
		if verdict, claims := part.Shared[container][key]; claims && !slices.Contains(changing, owner) {
			return &claim{verdict, owner}
		}
	}
	return nil
}

func (w *Writer) element(at place, verdict string) *knftables.Element {
	if verdict == "" {
		return &knftables.Element{Set: at.container, Key: keyParts(at.key)}
	}
	return &knftables.Element{Map: at.container, Key: keyParts(at.key), Value: []string{verdict}}
}

func comparePlaces(a, b place) int {
	if a.container != b.container {
		if a.container < b.container {
			return -1
		}
		return 1
	}
	if a.key < b.key {
		return -1
	}
	return 1
}
