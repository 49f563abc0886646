package netpol

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func expectChain(t *testing.T, rules Ruleset, direction Direction, address string, want ...string) {
	t.Helper()
	if got := chainOf(rules, direction, address); !slices.Equal(got, want) {
		t.Errorf("%s of %s:\n got %q\nwant %q", direction, address, got, want)
	}
}

func TestAPodThatNoPolicySelectsIsNotIsolated(t *testing.T) {
	rules := compiled(t, world(ingressFrom(nil)))
	expectChain(t, rules, Ingress, "10.0.0.2")
	expectChain(t, rules, Ingress, "10.0.0.3") // same labels as the selected pod, other namespace
	expectChain(t, rules, Egress, "10.0.0.1")
}

func TestAPolicyWithoutRulesDeniesAll(t *testing.T) {
	rules := compiled(t, world(policy("deny", func(spec *networkingv1.NetworkPolicySpec) {
		spec.PodSelector = metav1.LabelSelector{}
		spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	})))
	for _, address := range []string{"10.0.0.1", "10.0.0.2"} {
		expectChain(t, rules, Ingress, address, "drop")
		expectChain(t, rules, Egress, address, "drop")
	}
}

func TestAnEmptyRuleAllowsAll(t *testing.T) {
	expectChain(t, compiled(t, world(ingressFrom(nil))), Ingress, "10.0.0.1", "return", "drop")
}

func TestPolicyTypesDefaultToIngressAndToEgressOnlyWithEgressRules(t *testing.T) {
	for _, test := range []struct {
		name            string
		change          func(*networkingv1.NetworkPolicySpec)
		ingress, egress bool
	}{
		{"neither", func(*networkingv1.NetworkPolicySpec) {}, true, false},
		{"with egress rules", func(spec *networkingv1.NetworkPolicySpec) {
			spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}, true, true},
		{"egress alone", func(spec *networkingv1.NetworkPolicySpec) {
			spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
		}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules := compiled(t, world(policy("any", test.change)))
			if got := chainOf(rules, Ingress, "10.0.0.1") != nil; got != test.ingress {
				t.Errorf("isolated for ingress: %v", got)
			}
			if got := chainOf(rules, Egress, "10.0.0.1") != nil; got != test.egress {
				t.Errorf("isolated for egress: %v", got)
			}
		})
	}
}

func TestPeersAreSelectedByPodNamespaceOrBoth(t *testing.T) {
	for _, test := range []struct {
		name string
		peer networkingv1.NetworkPolicyPeer
		want []string
	}{
		{"pods of the own namespace", networkingv1.NetworkPolicyPeer{PodSelector: selecting("app", "db")}, []string{"ip saddr { 10.0.0.2 } return", "drop"}},
		{"all pods of the own namespace", networkingv1.NetworkPolicyPeer{PodSelector: selecting()}, []string{"ip saddr { 10.0.0.1, 10.0.0.2 } return", "drop"}},
		{"another namespace", networkingv1.NetworkPolicyPeer{NamespaceSelector: selecting("team", "watch")}, []string{"ip saddr { 10.0.0.3 } return", "drop"}},
		{"all namespaces", networkingv1.NetworkPolicyPeer{NamespaceSelector: selecting()}, []string{"ip saddr { 10.0.0.1, 10.0.0.2, 10.0.0.3 } return", "drop"}},
		{"pods of all namespaces", networkingv1.NetworkPolicyPeer{NamespaceSelector: selecting(), PodSelector: selecting("app", "web")}, []string{"ip saddr { 10.0.0.1, 10.0.0.3 } return", "drop"}},
		{"nobody", networkingv1.NetworkPolicyPeer{PodSelector: selecting("app", "none")}, []string{"drop"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			rules := compiled(t, world(ingressFrom([]networkingv1.NetworkPolicyPeer{test.peer})))
			expectChain(t, rules, Ingress, "10.0.0.1", test.want...)
		})
	}
}

func TestPeersOfSeveralKindsAreAlternatives(t *testing.T) {
	peers := append(block("192.0.2.0/24"), networkingv1.NetworkPolicyPeer{PodSelector: selecting("app", "db")})
	expectChain(t, compiled(t, world(ingressFrom(peers))), Ingress, "10.0.0.1",
		"ip saddr 192.0.2.0/24 return", "ip saddr { 10.0.0.2 } return", "drop")
}

func TestAnIPBlockExceptIsNotAllowed(t *testing.T) {
	rules := compiled(t, world(egressTo(block("0.0.0.0/0", "10.0.0.0/8", "169.254.169.254/32"))))
	expectChain(t, rules, Egress, "10.0.0.1",
		"ip daddr 0.0.0.0/0 ip daddr != 10.0.0.0/8 ip daddr != 169.254.169.254/32 return", "drop")
}

func TestOverlappingExceptionsBecomeOne(t *testing.T) {
	rules := compiled(t, world(egressTo(block("10.0.0.0/8", "10.1.2.0/24", "10.1.0.0/16", "10.1.2.3/32"))))
	expectChain(t, rules, Egress, "10.0.0.1", "ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 return", "drop")
}

func TestAnIPBlockMayBeIPv6(t *testing.T) {
	rules := compiled(t, world(egressTo(block("2001:db8::/32", "2001:db8:1::/48"))))
	expectChain(t, rules, Egress, "10.0.0.1", "ip6 daddr 2001:db8::/32 ip6 daddr != 2001:db8:1::/48 return", "drop")
}

func TestPortsAreAllowedByNumberRangeAndProtocol(t *testing.T) {
	udp := corev1.ProtocolUDP
	for _, test := range []struct {
		name  string
		ports []networkingv1.NetworkPolicyPort
		want  []string
	}{
		{"numbers", []networkingv1.NetworkPolicyPort{port("TCP", intstr.FromInt32(443)), port("TCP", intstr.FromInt32(80))}, []string{"tcp dport { 80, 443 } return"}},
		{"a range", []networkingv1.NetworkPolicyPort{ports(8000, 8100)}, []string{"tcp dport 8000-8100 return"}},
		{"overlapping ranges", []networkingv1.NetworkPolicyPort{ports(80, 90), ports(85, 95), ports(96, 99)}, []string{"tcp dport 80-99 return"}},
		{"each protocol apart", []networkingv1.NetworkPolicyPort{port("SCTP", intstr.FromInt32(5)), port("UDP", intstr.FromInt32(53)), port("TCP", intstr.FromInt32(53))}, []string{"tcp dport { 53 } return", "udp dport { 53 } return", "sctp dport { 5 } return"}},
		{"a whole protocol", []networkingv1.NetworkPolicyPort{{Protocol: &udp}}, []string{"meta l4proto udp return"}},
		{"TCP when none is named", []networkingv1.NetworkPolicyPort{{Port: &intstr.IntOrString{IntVal: 80}}}, []string{"tcp dport { 80 } return"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			expectChain(t, compiled(t, world(ingressFrom(nil, test.ports...))), Ingress, "10.0.0.1", append(test.want, "drop")...)
		})
	}
}

func TestPortsAndPeersMustBothMatch(t *testing.T) {
	peers := []networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", "db")}}
	rules := compiled(t, world(ingressFrom(peers, port("TCP", intstr.FromInt32(80)), port("UDP", intstr.FromInt32(53)))))
	expectChain(t, rules, Ingress, "10.0.0.1",
		"ip saddr { 10.0.0.2 } tcp dport { 80 } return", "ip saddr { 10.0.0.2 } udp dport { 53 } return", "drop")
}

func TestANamedIngressPortIsTheSelectedPodsOwn(t *testing.T) {
	rules := compiled(t, world(ingressFrom(nil, port("TCP", intstr.FromString("http")))))
	expectChain(t, rules, Ingress, "10.0.0.1", "ip daddr . meta l4proto . th dport { 10.0.0.1 . tcp . 8080 } return", "drop")
}

func TestANamedEgressPortIsEachPeersOwn(t *testing.T) {
	rules := compiled(t, world(egressTo([]networkingv1.NetworkPolicyPeer{{PodSelector: selecting()}}, port("TCP", intstr.FromString("http")))))
	expectChain(t, rules, Egress, "10.0.0.1",
		"ip daddr { 10.0.0.1, 10.0.0.2 } ip daddr . meta l4proto . th dport { 10.0.0.1 . tcp . 8080, 10.0.0.2 . tcp . 9090 } return", "drop")
}

func TestANameOfAnotherProtocolOrOfNoPortAllowsNothing(t *testing.T) {
	for _, wanted := range []networkingv1.NetworkPolicyPort{port("UDP", intstr.FromString("http")), port("TCP", intstr.FromString("https"))} {
		expectChain(t, compiled(t, world(ingressFrom(nil, wanted))), Ingress, "10.0.0.1", "drop")
	}
}

func TestSeveralPoliciesOfAPodAddUp(t *testing.T) {
	second := ingressFrom(nil, port("UDP", intstr.FromInt32(53)))
	second.Name = "second"
	rules := compiled(t, world(second, ingressFrom(nil, port("TCP", intstr.FromInt32(80)))))
	expectChain(t, rules, Ingress, "10.0.0.1", "tcp dport { 80 } return", "udp dport { 53 } return", "drop")
}

func TestPodsOfOtherNodesArePeersButNotIsolated(t *testing.T) {
	state := world(ingressFrom([]networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", "db")}}))
	state.Pods = []Pod{web, db}
	state.Pods[0].NodeName = "elsewhere"
	expectChain(t, compiled(t, state), Ingress, "10.0.0.1")
	state.Pods[0].NodeName, state.Pods[1].NodeName = node, "elsewhere"
	expectChain(t, compiled(t, state), Ingress, "10.0.0.1", "ip saddr { 10.0.0.2 } return", "drop")
}

func TestAnIsolatedPodReachesItself(t *testing.T) {
	rules := compiled(t, world(policy("deny", func(*networkingv1.NetworkPolicySpec) {})))
	if _, there := rules["shop"].Shared["self4"]["10.0.0.1 . 10.0.0.1"]; !there {
		t.Errorf("self4 holds %v", rules["shop"].Shared["self4"])
	}
}

func TestBothAddressesOfADualStackPodAreIsolated(t *testing.T) {
	state := world(ingressFrom([]networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", "db")}}))
	state.Pods[0].Addresses = addresses("10.0.0.1", "fd00::1")
	state.Pods[1].Addresses = addresses("10.0.0.2", "fd00::2")
	rules := compiled(t, state)
	want := []string{"ip saddr { 10.0.0.2 } return", "ip6 saddr { fd00::2 } return", "drop"}
	expectChain(t, rules, Ingress, "10.0.0.1", want...)
	expectChain(t, rules, Ingress, "fd00::1", want...)
}

func TestWhatCannotBeReadAllowsNothingAndIsReported(t *testing.T) {
	rules, errs := Compile(world(ingressFrom(block("10.0.0.0/99"))))
	if len(errs) == 0 {
		t.Error("no error was reported")
	}
	expectChain(t, rules, Ingress, "10.0.0.1", "drop")
}

func TestPodsWithoutAnAddressOfTheirOwnAreNotConcerned(t *testing.T) {
	addressed := func() *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.0.0.9"}}}}
	}
	if _, concerned := podFrom(addressed()); !concerned {
		t.Error("a running pod with an address is concerned")
	}
	for name, change := range map[string]func(*corev1.Pod){
		"on the node's network": func(pod *corev1.Pod) { pod.Spec.HostNetwork = true },
		"succeeded":             func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded },
		"failed":                func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed },
		"not yet addressed":     func(pod *corev1.Pod) { pod.Status.PodIPs = nil },
	} {
		pod := addressed()
		change(pod)
		if _, concerned := podFrom(pod); concerned {
			t.Errorf("a pod that is %s is not concerned", name)
		}
	}
}
