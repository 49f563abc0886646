package netpol

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const node = "here"

// The cast of most tests: two namespaces, two pods in the first, one in the second, all on this node.
var (
	web    = Pod{Namespace: "shop", Name: "web", NodeName: node, Labels: labels.Set{"app": "web"}, Addresses: addresses("10.0.0.1"), Ports: []NamedPort{{"http", corev1.ProtocolTCP, 8080}}}
	db     = Pod{Namespace: "shop", Name: "db", NodeName: node, Labels: labels.Set{"app": "db"}, Addresses: addresses("10.0.0.2"), Ports: []NamedPort{{"http", corev1.ProtocolTCP, 9090}}}
	prober = Pod{Namespace: "watch", Name: "prober", NodeName: node, Labels: labels.Set{"app": "web"}, Addresses: addresses("10.0.0.3")}
)

func addresses(texts ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, text := range texts {
		parsed = append(parsed, netip.MustParseAddr(text))
	}
	return parsed
}

func world(policies ...*networkingv1.NetworkPolicy) State {
	return State{
		NodeName:   node,
		Pods:       []Pod{web, db, prober},
		Namespaces: map[string]labels.Set{"shop": {"team": "shop"}, "watch": {"team": "watch"}},
		Policies:   policies,
	}
}

func selecting(pairs ...string) *metav1.LabelSelector {
	selector := &metav1.LabelSelector{}
	for index := 0; index < len(pairs); index += 2 {
		metav1.AddLabelToSelector(selector, pairs[index], pairs[index+1])
	}
	return selector
}

func policy(name string, change func(*networkingv1.NetworkPolicySpec)) *networkingv1.NetworkPolicy {
	made := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	made.Spec.PodSelector = *selecting("app", "web")
	change(&made.Spec)
	return made
}

// ingressFrom allows web the peers on the ports.
func ingressFrom(peers []networkingv1.NetworkPolicyPeer, ports ...networkingv1.NetworkPolicyPort) *networkingv1.NetworkPolicy {
	return policy("in", func(spec *networkingv1.NetworkPolicySpec) {
		spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: peers, Ports: ports}}
	})
}

// egressTo allows web to reach the peers on the ports.
func egressTo(peers []networkingv1.NetworkPolicyPeer, ports ...networkingv1.NetworkPolicyPort) *networkingv1.NetworkPolicy {
	return policy("out", func(spec *networkingv1.NetworkPolicySpec) {
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
		spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: peers, Ports: ports}}
	})
}

func port(protocol corev1.Protocol, number intstr.IntOrString) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &number}
}

func ports(first, last int32) networkingv1.NetworkPolicyPort {
	made := port(corev1.ProtocolTCP, intstr.FromInt32(first))
	made.EndPort = &last
	return made
}

func block(cidr string, except ...string) []networkingv1.NetworkPolicyPeer {
	return []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}}
}

// compiled compiles and fails on anything that could not be understood.
func compiled(t *testing.T, state State) Ruleset {
	t.Helper()
	rules, errs := Compile(state)
	if len(errs) > 0 {
		t.Fatalf("could not compile: %v", errs)
	}
	return rules
}

// chainOf returns the rules that apply to the address in the direction, with every named set expanded, or nil if the
// address is not isolated.
func chainOf(rules Ruleset, direction Direction, address string) []string {
	var verdict string
	for _, part := range rules {
		verdict += part.Shared[isolatedMap(direction, familyOf(netip.MustParseAddr(address)))][address]
	}
	if verdict == "" {
		return nil
	}
	chains, sets := map[string][]string{}, map[string]Set{}
	for _, part := range rules {
		maps.Copy(chains, part.Chains)
		maps.Copy(sets, part.Sets)
	}
	var written []string
	for _, rule := range chains[strings.TrimPrefix(verdict, "jump ")] {
		for name, set := range sets {
			if before, after, found := strings.Cut(rule+" ", "@"+name+" "); found {
				elements := strings.Join(slices.Sorted(maps.Keys(set.Elements)), ", ")
				rule = strings.TrimSuffix(before+"{ "+elements+" } "+after, " ")
			}
		}
		written = append(written, rule)
	}
	return written
}
