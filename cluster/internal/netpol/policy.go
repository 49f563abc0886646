package netpol

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// compiledPolicy is a policy with the rules that it compiled to. They are valid until a pod that they depend on changes.
type compiledPolicy struct {
	policy *networkingv1.NetworkPolicy
	// named counts the peers, exceptions and ports that the policy names.
	named int
	// stale means that the fields below must be recomputed.
	stale    bool
	selector labels.Selector
	// sides holds the directions in which the policy isolates.
	sides map[Direction]*side
	// watches select the pods that the rules depend on.
	watches []func(Pod) bool
	errs    []error
}

// side is one direction of a policy: its rules, and the sets that they name.
type side struct {
	rules []string
	sets  map[string]Set
}

func newPolicy(policy *networkingv1.NetworkPolicy) *compiledPolicy {
	return &compiledPolicy{policy: policy, named: countNamed(policy), stale: true}
}

// countNamed counts what a policy names, which limits what compiling it costs.
func countNamed(policy *networkingv1.NetworkPolicy) int {
	count := len(policy.Spec.Ingress) + len(policy.Spec.Egress)
	peers := func(peers []networkingv1.NetworkPolicyPeer) {
		count += len(peers)
		for _, peer := range peers {
			if peer.IPBlock != nil {
				count += len(peer.IPBlock.Except)
			}
		}
	}
	for _, rule := range policy.Spec.Ingress {
		peers(rule.From)
		count += len(rule.Ports)
	}
	for _, rule := range policy.Spec.Egress {
		peers(rule.To)
		count += len(rule.Ports)
	}
	return count
}

// dependsOn returns whether the policy's rules depend on the pod.
func (p *compiledPolicy) dependsOn(pod Pod) bool {
	for _, watches := range p.watches {
		if watches(pod) {
			return true
		}
	}
	return false
}

// compile recomputes the rules from the pods that the compiler knows.
func (p *compiledPolicy) compile(world *Compiler) {
	p.stale, p.watches, p.errs, p.sides = false, nil, nil, map[Direction]*side{}
	p.selector = p.read(&p.policy.Spec.PodSelector)
	for _, direction := range directions {
		if !isolates(p.policy, direction) {
			continue
		}
		made := &side{sets: map[string]Set{}}
		for index, rule := range rulesOf(p.policy, direction) {
			work := &ruleCompiler{
				world: world, policy: p, side: made, direction: direction, rule: rule,
				name: fmt.Sprintf("%s_%d_%s", direction, index, digest(p.policy.Namespace+"/"+p.policy.Name)),
			}
			work.allow()
		}
		p.sides[direction] = made
	}
}

// read parses a selector. One that cannot be parsed matches nothing.
func (p *compiledPolicy) read(selector *metav1.LabelSelector) labels.Selector {
	read, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("could not read the selector %v: %w", selector, err))
		return labels.Nothing()
	}
	return read
}

// allowance is an ingress or an egress rule. Both mean "these peers, on these ports".
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

// ruleCompiler compiles one rule of a policy to nft rules.
type ruleCompiler struct {
	world     *Compiler
	policy    *compiledPolicy
	side      *side
	direction Direction
	rule      allowance
	name      string // begins the names of the rule's sets
}

// allow adds the rules: each way to match the peers with each way to match the ports.
func (r *ruleCompiler) allow() {
	ports := r.ports()
	for _, peer := range r.peers() {
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
			r.side.rules = append(r.side.rules, strings.Join(words, " "))
		}
	}
}

// match is an expression that a packet must satisfy. Every packet satisfies an empty one.
type match struct {
	expression string
	// of is the family that the expression is limited to, or nil if it is not.
	of *family
}
