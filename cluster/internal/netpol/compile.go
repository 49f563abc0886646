package netpol

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Compile returns the rules that enforce the state's policies on the pods of its node, and an error for each part of a
// policy that could not be understood.
func Compile(state State) (Ruleset, []error) {
	compiler := NewCompiler(state.NodeName, state.Bridge, state.Limits)
	compiler.Observe(state)
	rules := Ruleset{baseOwner: compiler.Base()}
	var errs []error
	for _, namespace := range slices.Sorted(maps.Keys(compiler.stale)) {
		part, problems := compiler.Compile(namespace)
		errs = append(errs, problems...)
		if part != nil {
			rules[namespace] = part
		}
	}
	return rules, errs
}

// Compile returns the part of a namespace as Observe last saw it, nil if it needs none, and an error for each part of a
// policy that could not be understood. Such a part allows nothing.
//
// Every distinct group of policies that isolates some pod in one direction becomes one chain, shared by all pods with
// that group. Its rules return on what a policy allows, and its end drops the rest. A namespace that exceeds the limits
// is refused: its pods are isolated, and no other namespace pays for it.
func (c *Compiler) Compile(namespace string) (*Part, []error) {
	delete(c.stale, namespace)
	pods := c.local(namespace)
	if len(pods) == 0 {
		return nil, nil
	}
	policies := c.sorted(namespace)
	if reason := c.refuse(policies); reason != "" {
		return c.isolated(pods, reason), nil
	}
	var errs []error
	for _, one := range policies {
		if one.stale {
			one.compile(c)
		}
		errs = append(errs, one.errs...)
	}
	part, size := newPart(), 0
	for _, pod := range pods {
		c.admit(part, pod)
		for _, direction := range directions {
			group := isolating(policies, pod, direction)
			if len(group) == 0 {
				continue
			}
			name := groupName(namespace, group, direction)
			if _, made := part.Chains[name]; !made {
				size += addGroup(part, name, group, direction)
			}
			if c.limits.Elements > 0 && size > c.limits.Elements {
				reason := fmt.Sprintf("its network policies make more than %d rules and addresses", c.limits.Elements)
				return c.isolated(pods, reason), errs
			}
			isolate(part, pod, direction, name)
		}
	}
	return part, errs
}

// refuse returns why the policies are too many to be compiled, or an empty string. It counts what they name and compiles
// none.
func (c *Compiler) refuse(policies []*compiledPolicy) string {
	if c.limits.Policies > 0 && len(policies) > c.limits.Policies {
		return fmt.Sprintf("it has %d network policies, and %d is the limit", len(policies), c.limits.Policies)
	}
	named := 0
	for _, one := range policies {
		named += one.named
	}
	if c.limits.Elements > 0 && named > c.limits.Elements {
		return fmt.Sprintf("its network policies name %d peers and ports, and %d is the limit", named, c.limits.Elements)
	}
	return ""
}

// isolated returns the part of a namespace whose policies are not compiled: nothing gets in or out.
func (c *Compiler) isolated(pods []Pod, reason string) *Part {
	part := newPart()
	part.Refused = reason
	for _, pod := range pods {
		c.admit(part, pod)
		for _, direction := range directions {
			isolate(part, pod, direction, chainIsolated)
		}
	}
	return part
}

// admit lets the pod send through the bridge, if only known pods may.
func (c *Compiler) admit(part *Part, pod Pod) {
	if c.bridge == "" {
		return
	}
	for _, address := range pod.Addresses {
		part.share(knownSet(familyOf(address)), address.String(), "")
	}
}

// isolating returns the policies that select the pod and isolate it in the direction.
func isolating(policies []*compiledPolicy, pod Pod, direction Direction) []*compiledPolicy {
	var group []*compiledPolicy
	for _, one := range policies {
		if one.sides[direction] != nil && one.selector.Matches(pod.Labels) {
			group = append(group, one)
		}
	}
	return group
}

// isolate sends the pod's packets in the direction through the chain.
func isolate(part *Part, pod Pod, direction Direction, chain string) {
	for _, address := range pod.Addresses {
		of, text := familyOf(address), address.String()
		part.share(isolatedMap(direction, of), text, "jump "+chain)
		part.share(selfSet(of), text+" . "+text, "")
	}
}

// addGroup adds the group's chain and the sets that its rules name, and returns how many rules and elements it added.
func addGroup(part *Part, name string, group []*compiledPolicy, direction Direction) int {
	var rules []string
	size := 0
	for _, one := range group {
		of := one.sides[direction]
		rules = append(rules, of.rules...)
		for set, content := range of.sets {
			if _, made := part.Sets[set]; !made {
				part.Sets[set] = content
				size += len(content.Elements)
			}
		}
	}
	part.Chains[name] = append(rules, "drop")
	return size + len(rules) + 1
}

func groupName(namespace string, group []*compiledPolicy, direction Direction) string {
	names := []string{namespace}
	for _, one := range group {
		names = append(names, one.policy.Name)
	}
	return string(direction) + "_" + digest(strings.Join(names, "/"))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:10])
}

// isolates applies the API's default: without policyTypes a policy is about ingress, and also about egress if it has
// egress rules.
func isolates(policy *networkingv1.NetworkPolicy, direction Direction) bool {
	if len(policy.Spec.PolicyTypes) == 0 {
		return direction == Ingress || len(policy.Spec.Egress) > 0
	}
	wanted := networkingv1.PolicyTypeIngress
	if direction == Egress {
		wanted = networkingv1.PolicyTypeEgress
	}
	return slices.Contains(policy.Spec.PolicyTypes, wanted)
}
