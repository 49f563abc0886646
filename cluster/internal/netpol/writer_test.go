package netpol

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/knftables"
)

// countingNFT counts transactions, and refuses them on demand.
type countingNFT struct {
	*knftables.Fake
	runs   int
	refuse error
}

func (c *countingNFT) Run(ctx context.Context, tx *knftables.Transaction) error {
	c.runs++
	if c.refuse != nil {
		return c.refuse
	}
	return c.Fake.Run(ctx, tx)
}

func newCounting() *countingNFT {
	return &countingNFT{Fake: knftables.NewFake(knftables.InetFamily, "test")}
}

func write(t *testing.T, writer *Writer, rules Ruleset) bool {
	t.Helper()
	written, err := writer.Write(context.Background(), rules)
	if err != nil {
		t.Fatal(err)
	}
	return written
}

// sameAsFresh fails if the table differs from one into which the rules were written at once.
func sameAsFresh(t *testing.T, got *knftables.Fake, rules Ruleset) {
	t.Helper()
	fresh := newCounting()
	write(t, NewWriter(fresh), rules)
	sorted := func(dump string) []string {
		lines := strings.Split(dump, "\n")
		slices.Sort(lines)
		return lines
	}
	if was, want := sorted(got.Dump()), sorted(fresh.Dump()); !slices.Equal(was, want) {
		t.Errorf("the table holds\n%s\nwant\n%s", strings.Join(was, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheTableFollowsEveryChange(t *testing.T) {
	byPod := ingressFrom([]networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", "db")}})
	moved := world(byPod)
	moved.Pods = slices.Clone(moved.Pods)
	moved.Pods[1].Addresses = addresses("10.0.0.8")
	moved.Pods[0].Addresses = addresses("10.0.0.7", "fd00::7")
	second := egressTo(nil, port("TCP", intstr.FromString("http")))
	nft := newCounting()
	writer := NewWriter(nft)
	for _, state := range []State{world(), world(byPod), moved, world(byPod, second), world(second), world(ingressFrom(nil)), world()} {
		rules := compiled(t, state)
		write(t, writer, rules)
		sameAsFresh(t, nft.Fake, rules)
	}
}

func TestNothingIsWrittenWhenNothingChanged(t *testing.T) {
	nft := newCounting()
	writer := NewWriter(nft)
	write(t, writer, compiled(t, world(ingressFrom(nil))))
	if write(t, writer, compiled(t, world(ingressFrom(nil)))) || nft.runs != 1 {
		t.Errorf("%d transactions were run, want 1", nft.runs)
	}
}

func TestAPodsNewAddressChangesNoRule(t *testing.T) {
	before := compiled(t, world(ingressFrom([]networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", "db")}})))
	state := world(ingressFrom([]networkingv1.NetworkPolicyPeer{{PodSelector: selecting("app", "db")}}))
	state.Pods[1].Addresses = []netip.Addr{netip.MustParseAddr("10.0.0.9")}
	after := compiled(t, state)
	if !maps.EqualFunc(before["shop"].Chains, after["shop"].Chains, slices.Equal) {
		t.Error("the rules changed, not only the elements")
	}
}

func TestTheWholeTableIsWrittenAfterAFailure(t *testing.T) {
	nft := newCounting()
	writer := NewWriter(nft)
	write(t, writer, compiled(t, world()))
	nft.refuse = errors.New("busy")
	if _, err := writer.Write(context.Background(), compiled(t, world(ingressFrom(nil)))); !errors.Is(err, nft.refuse) {
		t.Fatalf("the error was %v", err)
	}
	nft.refuse = nil
	if err := NewWriter(nft.Fake).Remove(context.Background()); err != nil { // somebody else took the table
		t.Fatal(err)
	}
	rules := compiled(t, world(ingressFrom(nil)))
	write(t, writer, rules)
	sameAsFresh(t, nft.Fake, rules)
}

func TestATableThatSomebodyRemovedIsNoticed(t *testing.T) {
	ctx := context.Background()
	nft := newCounting()
	writer := NewWriter(nft)
	rules := compiled(t, world(ingressFrom(nil)))
	write(t, writer, rules)
	if err := writer.Verify(ctx); err != nil {
		t.Fatalf("an untouched table was not recognised: %v", err)
	}
	if err := NewWriter(nft.Fake).Remove(ctx); err != nil {
		t.Fatal(err)
	}
	if writer.Verify(ctx) == nil {
		t.Fatal("the missing table was not noticed")
	}
	write(t, writer, rules)
	sameAsFresh(t, nft.Fake, rules)
}

func TestAnAddressThatMovesToAnotherNamespaceIsItsAlone(t *testing.T) {
	claiming := func(verdict string) *Part {
		part := newPart()
		part.Chains["chain-"+verdict] = []string{"drop"}
		part.share(isolatedMap(Ingress, ipv4), "10.0.0.1", "jump chain-"+verdict)
		part.share(selfSet(ipv4), "10.0.0.1 . 10.0.0.1", "")
		return part
	}
	nft := newCounting()
	writer := NewWriter(nft)
	base, first, second := baseRules("", 0), claiming("first"), claiming("second")
	expect := func(what, want string) {
		t.Helper()
		if found := strings.Contains(nft.Dump(), "add element inet test ingress4 { 10.0.0.1 : jump chain-"+want+" }"); found != (want != "") {
			t.Errorf("%s: want %q in\n%s", what, want, nft.Dump())
		}
	}
	write(t, writer, Ruleset{baseOwner: base, "first": first})
	write(t, writer, Ruleset{baseOwner: base, "first": first, "second": second})
	expect("the one that came last", "second")
	write(t, writer, Ruleset{baseOwner: base, "second": second})
	expect("after the other gave it up", "second")
	write(t, writer, Ruleset{baseOwner: base, "first": first})
	expect("moved at once", "first")
	write(t, writer, Ruleset{baseOwner: base, "first": first, "second": second})
	write(t, writer, Ruleset{baseOwner: base, "first": first})
	expect("after the last one gave it up", "first")
	write(t, writer, Ruleset{baseOwner: base})
	if strings.Contains(nft.Dump(), "10.0.0.1") {
		t.Errorf("it is still there:\n%s", nft.Dump())
	}
}
