package netpol

import (
	"maps"
	"slices"
	"time"
)

const (
	// restFor is how many times as long as its last writing a namespace rests before the next, unless a pod of it waits to
	// start: so one that changes all the time takes a tenth of the time at most.
	restFor = 10
	// longestRest keeps every change within the second in which it must hold.
	longestRest = 800 * time.Millisecond
	// batchWeight is how much is written at once. A pod that waits to start waits for one batch at most.
	batchWeight = 8192
	// idle is the wait when nothing is due; a change ends it.
	idle = time.Minute
)

// schedule decides which namespaces are written when.
type schedule struct {
	dueAt  map[string]time.Time
	restTo map[string]time.Time
}

func newSchedule() *schedule {
	return &schedule{dueAt: map[string]time.Time{}, restTo: map[string]time.Time{}}
}

// note takes up namespaces that changed.
func (s *schedule) note(stale map[string]struct{}, now time.Time) {
	for name := range stale {
		if _, noted := s.dueAt[name]; noted {
			continue
		}
		due := now
		if rest := s.restTo[name]; rest.After(due) {
			due = rest
		}
		s.dueAt[name] = due
	}
	maps.DeleteFunc(s.restTo, func(_ string, rest time.Time) bool { return rest.Before(now) })
}

// urgent returns the changed namespaces in which a pod waits to start.
func (s *schedule) urgent(expected map[string]struct{}) []string {
	var names []string
	for name := range s.dueAt {
		if _, waits := expected[name]; waits {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// all returns every changed namespace.
func (s *schedule) all() []string { return slices.Sorted(maps.Keys(s.dueAt)) }

// due returns the namespaces whose time has come, the longest waiting first, as far as one batch goes.
func (s *schedule) due(now time.Time, weigh func(string) int) []string {
	var ripe []string
	for name, due := range s.dueAt {
		if !due.After(now) {
			ripe = append(ripe, name)
		}
	}
	slices.SortFunc(ripe, func(a, b string) int { return s.dueAt[a].Compare(s.dueAt[b]) })
	weight := 0
	for index, name := range ripe {
		if weight += weigh(name); weight > batchWeight && index > 0 {
			return ripe[:index]
		}
	}
	return ripe
}

// next returns how long nothing is due.
func (s *schedule) next(now time.Time) time.Duration {
	wait := idle
	for _, due := range s.dueAt {
		wait = min(wait, due.Sub(now))
	}
	return max(wait, 0)
}

// pending returns the namespaces that are yet to be written.
func (s *schedule) pending() map[string]struct{} {
	names := map[string]struct{}{}
	for name := range s.dueAt {
		names[name] = struct{}{}
	}
	return names
}

// done notes what writing the namespaces took: the compiling of each, and together the transaction.
func (s *schedule) done(names []string, costs map[string]time.Duration, took time.Duration, now time.Time) {
	for _, name := range names {
		delete(s.dueAt, name)
		cost := costs[name] + took/time.Duration(len(names))
		s.restTo[name] = now.Add(min(restFor*cost, longestRest))
	}
}
