package netpol

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// choice is a world of only a few names, so that random choices often coincide.
type choice struct{ *rand.Rand }

func (c choice) of(words ...string) string { return words[c.IntN(len(words))] }

func (c choice) selector() *metav1.LabelSelector {
	return []*metav1.LabelSelector{nil, selecting(), selecting("app", c.of("web", "db")), selecting("team", c.of("red", "blue"))}[c.IntN(4)]
}

func (c choice) peers() []networkingv1.NetworkPolicyPeer {
	var peers []networkingv1.NetworkPolicyPeer
	for range c.IntN(4) {
		if c.IntN(4) == 0 {
			peers = append(peers, block(c.of("10.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24"))...)
		} else if peer := (networkingv1.NetworkPolicyPeer{PodSelector: c.selector(), NamespaceSelector: c.selector()}); peer.PodSelector != nil || peer.NamespaceSelector != nil {
			peers = append(peers, peer)
		}
	}
	return peers
}

func (c choice) ports() []networkingv1.NetworkPolicyPort {
	return [][]networkingv1.NetworkPolicyPort{nil, {port("TCP", intstr.FromInt32(80))}, {port("TCP", intstr.FromString("http")), ports(20, 30)}}[c.IntN(3)]
}

func (c choice) policy(namespace, name string) *networkingv1.NetworkPolicy {
	made := policy(name, func(spec *networkingv1.NetworkPolicySpec) {
		spec.PodSelector = *selecting()
		if c.IntN(2) == 0 {
			spec.PodSelector = *selecting("app", c.of("web", "db"))
		}
		spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: c.peers(), Ports: c.ports()}}
		if c.IntN(2) == 0 {
			spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: c.peers(), Ports: c.ports()}}
		}
	})
	made.Namespace = namespace
	return made
}

// change makes one change that an API server may report.
func (c choice) change(state State) State {
	state.Namespaces = maps.Clone(state.Namespaces)
	state.Pods, state.Policies = slices.Clone(state.Pods), slices.Clone(state.Policies)
	namespace, name := c.of("one", "two", "three"), c.of("a", "b", "c", "d")
	switch c.IntN(6) {
	case 0:
		state.Namespaces[namespace] = labels.Set{"team": c.of("red", "blue")}
	case 1:
		delete(state.Namespaces, namespace)
	case 2, 3:
		state.Pods = slices.DeleteFunc(state.Pods, func(pod Pod) bool { return pod.Namespace == namespace && pod.Name == name })
		if c.IntN(3) > 0 {
			state.Pods = append(state.Pods, Pod{
				Namespace: namespace, Name: name, NodeName: c.of(node, node, "elsewhere"), Labels: labels.Set{"app": c.of("web", "db")},
				Addresses: addresses(fmt.Sprintf("10.%d.%d.%d", namespace[0], namespace[1], name[0]+byte(c.IntN(2)))),
				Ports:     []NamedPort{{"http", corev1.ProtocolTCP, int32(8000 + c.IntN(2))}},
			})
		}
	default:
		state.Policies = slices.DeleteFunc(state.Policies, func(one *networkingv1.NetworkPolicy) bool { return one.Namespace == namespace && one.Name == name })
		if c.IntN(3) > 0 {
			state.Policies = append(state.Policies, c.policy(namespace, name))
		}
	}
	return state
}

func TestCompilingWhatChangedIsCompilingAll(t *testing.T) {
	for seed := range uint64(60) {
		draw := choice{rand.New(rand.NewPCG(seed, 1))}
		state := State{NodeName: node, Bridge: "br0", Namespaces: map[string]labels.Set{}}
		kept := NewCompiler(node, "br0", Limits{})
		rules := Ruleset{baseOwner: kept.Base()}
		nft := newCounting()
		writer := NewWriter(nft)
		for step := range 40 {
			state = draw.change(state)
			kept.Observe(state)
			for _, name := range slices.Sorted(maps.Keys(kept.Stale())) {
				if part, _ := kept.Compile(name); part == nil {
					delete(rules, name)
				} else {
					rules[name] = part
				}
			}
			fresh, _ := Compile(state)
			for _, owner := range slices.Sorted(maps.Keys(fresh)) {
				if !reflect.DeepEqual(rules[owner], fresh[owner]) {
					t.Fatalf("seed %d, step %d: the part of %q is\n%+v\nwant\n%+v", seed, step, owner, rules[owner], fresh[owner])
				}
			}
			if len(rules) != len(fresh) {
				t.Fatalf("seed %d, step %d: there are %d parts, want %d", seed, step, len(rules), len(fresh))
			}
			write(t, writer, rules)
		}
		sameAsFresh(t, nft.Fake, rules)
	}
}

func TestAChangeConcernsOnlyTheNamespacesThatLookAtIt(t *testing.T) {
	kept := NewCompiler(node, "", Limits{})
	state := world(ingressFrom([]networkingv1.NetworkPolicyPeer{{NamespaceSelector: selecting("team", "watch"), PodSelector: selecting("app", "web")}}))
	kept.Observe(state)
	for name := range maps.Clone(kept.Stale()) {
		kept.Compile(name)
	}
	for _, test := range []struct {
		what   string
		change func(*State)
		want   []string
	}{
		{"nothing", func(*State) {}, nil},
		{"another pod of the other namespace", func(state *State) {
			state.Pods = append(state.Pods, Pod{Namespace: "watch", Name: "other", NodeName: node, Labels: labels.Set{"app": "other"}, Addresses: addresses("10.0.0.8")})
		}, []string{"watch"}},
		{"a pod that a peer selects", func(state *State) {
			state.Pods = append(state.Pods, Pod{Namespace: "watch", Name: "second", NodeName: "elsewhere", Labels: labels.Set{"app": "web"}, Addresses: addresses("10.0.0.9")})
		}, []string{"shop"}},
		{"a namespace's labels", func(state *State) {
			state.Namespaces = map[string]labels.Set{"shop": {"team": "shop"}, "watch": {"team": "none"}}
		}, []string{"shop", "watch"}},
	} {
		state.Pods = slices.Clone(state.Pods)
		test.change(&state)
		kept.Observe(state)
		if got := slices.Sorted(maps.Keys(kept.Stale())); !slices.Equal(got, test.want) {
			t.Errorf("%s concerns %v, want %v", test.what, got, test.want)
		}
		for name := range maps.Clone(kept.Stale()) {
			kept.Compile(name)
		}
	}
}

// ranged returns a policy for a pod that allows many ranges.
func ranged(namespace, name string, ranges int) *networkingv1.NetworkPolicy {
	made := policy(name, func(spec *networkingv1.NetworkPolicySpec) {
		spec.PodSelector = *selecting(name, "yes")
		var peers []networkingv1.NetworkPolicyPeer
		for index := range ranges {
			peers = append(peers, block(fmt.Sprintf("%d.%d.%d.0/24", 11+index%100, index/100, len(name)))...)
		}
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
		spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: peers, Ports: []networkingv1.NetworkPolicyPort{port("TCP", intstr.FromInt32(80))}}}
	})
	made.Namespace = namespace
	return made
}

// crowd returns pods of a namespace, each selected by a different subset of the policies.
func crowd(namespace string, count, policies int) []Pod {
	var pods []Pod
	for index := range count {
		selected := labels.Set{}
		for number := range policies {
			if number%count != index {
				selected[fmt.Sprintf("p%d", number)] = "yes"
			}
		}
		pods = append(pods, Pod{
			Namespace: namespace, Name: fmt.Sprintf("pod-%d", index), NodeName: node, Labels: selected,
			Addresses: addresses(fmt.Sprintf("10.1.%d.%d", index/200, 1+index%200)),
		})
	}
	return pods
}

func TestRangesCostOnceHoweverManyPodsTheyAreFor(t *testing.T) {
	state := State{NodeName: node, Namespaces: map[string]labels.Set{"flood": {}}, Pods: crowd("flood", 10, 20)}
	for number := range 20 {
		state.Policies = append(state.Policies, ranged("flood", fmt.Sprintf("p%d", number), 300))
	}
	rules := compiled(t, state)
	count := 0
	for _, chain := range rules["flood"].Chains {
		count += len(chain)
	}
	if size := rules["flood"].size(); size > 20*300+300 || count > 10*20 {
		t.Errorf("20 policies of 300 ranges for 10 pods make %d rules and elements, %d of them rules", size, count)
	}
	for _, chain := range rules["flood"].Chains {
		for _, rule := range chain {
			if strings.Contains(rule, "/24") {
				t.Fatalf("a range has a rule of its own: %s", rule)
			}
		}
	}
}

func TestANamespaceBeyondTheLimitsIsIsolatedAndNoOther(t *testing.T) {
	for what, policies := range map[string][]*networkingv1.NetworkPolicy{
		"policies": {ranged("shop", "a", 1), ranged("shop", "b", 1), ranged("shop", "c", 1), ranged("shop", "d", 1)},
		"peers":    {ranged("shop", "a", 101)},
		// short policies, but each selects every pod: 101 pods, ten policies
		"rules": {ranged("shop", "a", 30), ranged("shop", "b", 30), policy("everybody", func(spec *networkingv1.NetworkPolicySpec) {
			spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: selecting()}}}}
		})},
	} {
		state := world(policies...)
		state.Limits = Limits{Policies: 3, Elements: 100}
		state.Namespaces["crowd"] = labels.Set{}
		state.Pods = append(slices.Clone(state.Pods), crowd("crowd", 101, 1)...)
		rules, _ := Compile(state)
		if rules["shop"].Refused == "" {
			t.Errorf("too many %s are compiled", what)
		}
		for _, direction := range directions {
			for _, address := range []string{"10.0.0.1", "10.0.0.2"} {
				if verdict := rules["shop"].Shared[isolatedMap(direction, ipv4)][address]; verdict != "jump "+chainIsolated {
					t.Errorf("with too many %s, %s of %s is %q", what, direction, address, verdict)
				}
			}
		}
		if rules["watch"].Refused != "" {
			t.Errorf("too many %s of one namespace isolate another", what)
		}
	}
}
