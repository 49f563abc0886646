package netpol

import (
	"maps"
	"slices"
	"time"
)

const (
	// restFor is how long a namespace rests after it was written, as a multiple of how long that took, unless a pod of it
	// waits to start. So a namespace that changes all the time takes at most a tenth of the time.
	restFor = 10
	// longestRest makes sure that every change is in force within a second.
	longestRest = 800 * time.Millisecond
	// batchWeight is how much is written at once. A pod that waits to start waits for at most one batch.
	batchWeight = 8192
	// idle is the wait if nothing is due. A change ends it.
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

// note schedules namespaces that changed.
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

// urgent returns the changed namespaces in which a pod is waiting to start.
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

// due returns the namespaces that are due, the longest waiting first, up to one batch.
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

// next returns how long until something is due.
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

// done records how long writing the namespaces took: compiling each, and the transaction for all of them.
func (s *schedule) done(names []string, costs map[string]time.Duration, took time.Duration, now time.Time) {
	for _, name := range names {
		delete(s.dueAt, name)
		cost := costs[name] + took/time.Duration(len(names))
		s.restTo[name] = now.Add(min(restFor*cost, longestRest))
	}
}
