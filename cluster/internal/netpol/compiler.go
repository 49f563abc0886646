package netpol

import (
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Limits limit how much one namespace, or one pod, may take of what all share. Zero means no limit.
type Limits struct {
	// Policies is how many policies a namespace may have.
	Policies int
	// Elements is how many rules and addresses its policies may compile to.
	Elements int
	// Flows is how many connections a pod may have in the kernel's table.
	Flows int
}

// Compiler compiles policies one namespace at a time and keeps what has not changed. Only one goroutine may use it.
type Compiler struct {
	nodeName   string
	bridge     string
	limits     Limits
	base       *Part
	namespaces map[string]labels.Set
	pods       map[string]map[string]Pod // by namespace and name
	policies   map[string]map[string]*compiledPolicy
	// stale are the namespaces whose parts must be compiled again.
	stale map[string]struct{}
}

// NewCompiler returns a compiler for the pods of a node. With a bridge, only known pods may send through it.
func NewCompiler(nodeName, bridge string, limits Limits) *Compiler {
	return &Compiler{
		nodeName: nodeName, bridge: bridge, limits: limits, base: baseRules(bridge, limits.Flows),
		pods: map[string]map[string]Pod{}, policies: map[string]map[string]*compiledPolicy{}, stale: map[string]struct{}{},
	}
}

// Base returns the part that does not depend on the state.
func (c *Compiler) Base() *Part { return c.base }

// Stale returns the namespaces whose parts must be compiled again.
func (c *Compiler) Stale() map[string]struct{} { return c.stale }

// Observe compares the state with the last one and marks the namespaces that a difference affects as stale.
func (c *Compiler) Observe(state State) {
	relabelled := map[string]bool{}
	for name, now := range state.Namespaces {
		if was, there := c.namespaces[name]; !there || !maps.Equal(was, now) {
			relabelled[name] = true
		}
	}
	for name := range c.namespaces {
		if _, stays := state.Namespaces[name]; !stays {
			relabelled[name] = true
		}
	}
	pods := map[string]map[string]Pod{}
	for _, pod := range state.Pods {
		if pods[pod.Namespace] == nil {
			pods[pod.Namespace] = map[string]Pod{}
		}
		pods[pod.Namespace][pod.Name] = pod
	}
	// A pod affects the policies that selected it as it was and those that select it as it is.
	c.markPods(c.pods, pods, relabelled)
	before := c.pods
	c.namespaces, c.pods = state.Namespaces, pods
	c.markPods(pods, before, relabelled)
	c.observePolicies(state.Policies)
}

// markPods marks what depends on pods that are missing among the others or differ there.
func (c *Compiler) markPods(pods, others map[string]map[string]Pod, relabelled map[string]bool) {
	for namespace, named := range pods {
		for name, pod := range named {
			other, there := others[namespace][name]
			if there && pod.equal(other) && !relabelled[namespace] {
				continue
			}
			c.markPod(pod)
		}
	}
}

func (c *Compiler) markPod(pod Pod) {
	if pod.NodeName == c.nodeName {
		c.stale[pod.Namespace] = struct{}{}
	}
	for namespace, policies := range c.policies {
		for _, policy := range policies {
			if !policy.stale && policy.dependsOn(pod) {
				policy.stale = true
				c.stale[namespace] = struct{}{}
			}
		}
	}
}

func (c *Compiler) observePolicies(policies []*networkingv1.NetworkPolicy) {
	seen := map[string]int{}
	for _, policy := range policies {
		seen[policy.Namespace]++
		named := c.policies[policy.Namespace]
		if named == nil {
			named = map[string]*compiledPolicy{}
			c.policies[policy.Namespace] = named
		}
		if known := named[policy.Name]; known == nil || known.policy != policy {
			named[policy.Name] = newPolicy(policy)
			c.stale[policy.Namespace] = struct{}{}
		}
	}
	for namespace, named := range c.policies {
		if len(named) == seen[namespace] {
			continue
		}
		c.stale[namespace] = struct{}{}
		there := map[string]bool{}
		for _, policy := range policies {
			if policy.Namespace == namespace {
				there[policy.Name] = true
			}
		}
		maps.DeleteFunc(named, func(name string, _ *compiledPolicy) bool { return !there[name] })
		if len(named) == 0 {
			delete(c.policies, namespace)
		}
	}
}

// local returns the namespace's pods on the node, by name.
func (c *Compiler) local(namespace string) []Pod {
	var pods []Pod
	for _, pod := range c.pods[namespace] {
		if pod.NodeName == c.nodeName {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, func(a, b Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

// sorted returns the namespace's policies by name.
func (c *Compiler) sorted(namespace string) []*compiledPolicy {
	return slices.SortedFunc(maps.Values(c.policies[namespace]), func(a, b *compiledPolicy) int {
		return strings.Compare(a.policy.Name, b.policy.Name)
	})
}

// podsOf returns the namespace's pods on all nodes.
func (c *Compiler) podsOf(namespace string) []Pod {
	return slices.Collect(maps.Values(c.pods[namespace]))
}

// weight estimates what compiling and writing a namespace costs, without doing it.
func (c *Compiler) weight(namespace string) int {
	weight := len(c.pods[namespace])
	for _, policy := range c.policies[namespace] {
		weight += policy.named
	}
	return weight
}
