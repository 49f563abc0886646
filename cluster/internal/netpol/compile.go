package netpol

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Compile returns the rules that enforce the state's policies on the pods of its node.
//
// Every distinct group of policies that isolates some pod in one direction becomes one chain, shared by all pods with
// that group; a rule of it returns what a policy allows, and its end drops the rest. A part of a policy that cannot be
// understood allows nothing, and is reported among the errors.
func Compile(state State) (Ruleset, []error) {
	build := compiler{state: state, rules: newRuleset(state.Bridge)}
	perNamespace := map[string][]*networkingv1.NetworkPolicy{}
	for _, policy := range state.Policies {
		perNamespace[policy.Namespace] = append(perNamespace[policy.Namespace], policy)
	}
	for _, policies := range perNamespace {
		slices.SortFunc(policies, func(a, b *networkingv1.NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	}
	for _, pod := range state.Pods {
		if pod.NodeName != state.NodeName {
			continue
		}
		build.know(pod)
		for _, direction := range []Direction{Ingress, Egress} {
			if group := build.isolating(perNamespace[pod.Namespace], pod, direction); len(group) > 0 {
				build.isolate(pod, direction, build.chain(group, direction))
			}
		}
	}
	return build.rules, build.errs
}

// know lets the pod send through the bridge, where that is restricted.
func (c *compiler) know(pod Pod) {
	if c.state.Bridge == "" {
		return
	}
	for _, address := range pod.Addresses {
		c.rules.Sets[knownSet(familyOf(address))].Elements[address.String()] = struct{}{}
	}
}

type compiler struct {
	state State
	rules Ruleset
	errs  []error
}

// isolating returns the policies that select the pod and isolate it in the direction.
func (c *compiler) isolating(policies []*networkingv1.NetworkPolicy, pod Pod, direction Direction) []*networkingv1.NetworkPolicy {
	var group []*networkingv1.NetworkPolicy
	for _, policy := range policies {
		if isolates(policy, direction) && c.matcher(&policy.Spec.PodSelector).Matches(pod.Labels) {
			group = append(group, policy)
		}
	}
	return group
}

// isolates applies the API's default: without policyTypes a policy is about ingress, and about egress when it has
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

// isolate sends the pod's packets of the direction through the chain.
func (c *compiler) isolate(pod Pod, direction Direction, chain string) {
	for _, address := range pod.Addresses {
		of, text := familyOf(address), address.String()
		c.rules.Verdicts[isolatedMap(direction, of)].Elements[text] = "jump " + chain
		c.rules.Sets[selfSet(of)].Elements[text+" . "+text] = struct{}{}
	}
}

// chain returns the name of the group's chain and makes it when it is not there yet.
func (c *compiler) chain(group []*networkingv1.NetworkPolicy, direction Direction) string {
	name := groupName(group, direction)
	if _, made := c.rules.Chains[name]; made {
		return name
	}
	var rules []string
	for _, policy := range group {
		for index, rule := range rulesOf(policy, direction) {
			rules = append(rules, c.allow(policy, direction, index, rule)...)
		}
	}
	c.rules.Chains[name] = append(rules, "drop")
	return name
}

func groupName(group []*networkingv1.NetworkPolicy, direction Direction) string {
	var names []string
	for _, policy := range group {
		names = append(names, policy.Namespace+"/"+policy.Name)
	}
	return string(direction) + "_" + digest(strings.Join(names, ","))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:10])
}

// allowance is an ingress or an egress rule: both say "these peers, on these ports".
type allowance struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func rulesOf(policy *networkingv1.NetworkPolicy, direction Direction) []allowance {
	var rules []allowance
	if direction == Ingress {
		for _, rule := range policy.Spec.Ingress {
			rules = append(rules, allowance{rule.From, rule.Ports})
		}
		return rules
	}
	for _, rule := range policy.Spec.Egress {
		rules = append(rules, allowance{rule.To, rule.Ports})
	}
	return rules
}

// allow returns the nft rules of one rule of a policy: each way to match the peers with each way to match the ports.
func (c *compiler) allow(policy *networkingv1.NetworkPolicy, direction Direction, index int, rule allowance) []string {
	name := fmt.Sprintf("%s_%d_%s", direction, index, digest(policy.Namespace+"/"+policy.Name))
	peers := c.peers(policy.Namespace, direction, name, rule.peers)
	ports := c.ports(policy, direction, name, rule)
	var rules []string
	for _, peer := range peers {
		for _, port := range ports {
			if peer.of != nil && port.of != nil && *peer.of != *port.of {
				continue
			}
			var words []string
			for _, word := range []string{peer.expression, port.expression, "return"} {
				if word != "" {
					words = append(words, word)
				}
			}
			rules = append(rules, strings.Join(words, " "))
		}
	}
	return rules
}

// match is one expression that a packet must satisfy; an empty one is satisfied by all.
type match struct {
	expression string
	// of is the only family that the expression looks at, or nil.
	of *family
}
