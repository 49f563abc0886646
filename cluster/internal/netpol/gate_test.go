package netpol

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/knftables"

	"lectern/cluster/internal/announce"
)

// watched is a controller that is running against a fake API server and a fake nft.
type watched struct {
	client     *fake.Clientset
	nft        *knftables.Fake
	controller *Controller
	socket     string
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	one := newUnwatched(t)
	one.start(t)
	return one
}

// newUnwatched returns one whose controller is not running yet.
func newUnwatched(t *testing.T) *watched {
	t.Helper()
	one := &watched{
		client: fake.NewClientset(
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
			ingressFrom(nil),
			startingPod("uid-1"),
		),
		nft:    knftables.NewFake(knftables.InetFamily, "test"),
		socket: filepath.Join(t.TempDir(), "gate.sock"),
	}
	controller, err := NewController(one.client, Settings{NodeName: node}, NewWriter(one.nft), nil)
	if err != nil {
		t.Fatal(err)
	}
	one.controller = controller
	return one
}

func (w *watched) start(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	if err := serveGate(ctx, w.socket, w.controller); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- w.controller.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// startingPod is web as the API server reports it while its sandbox is being made.
func startingPod(uid types.UID) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: web.Labels}}
	pod.UID = uid
	pod.Spec.NodeName = node
	pod.Status.Phase = corev1.PodPending
	return pod
}

func (w *watched) add(uid, address string) (string, error) {
	var out bytes.Buffer
	in := fmt.Sprintf(`{"cniVersion":"1.0.0","name":"n","type":"network-policy-cni","socket":%q,"prevResult":{"cniVersion":"1.0.0","ips":[{"address":"%s/16"}]}}`, w.socket, address)
	err := announce.Plugin("ADD", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID="+uid, strings.NewReader(in), &out)
	return out.String(), err
}

func (w *watched) isolates(address string) bool {
	return strings.Contains(w.nft.Dump(), "add element inet test ingress4 { "+address+" : jump ")
}

func TestAPodStartsOnlyWhenItsPoliciesHold(t *testing.T) {
	cluster := newWatched(t)
	result, err := cluster.add("uid-1", "10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(result, `"10.0.0.1/16"`) {
		t.Errorf("the result of the plugins before was not handed on: %s", result)
	}
	if !cluster.isolates("10.0.0.1") {
		t.Errorf("the pod may start without its rules:\n%s", cluster.nft.Dump())
	}
	if err := cluster.controller.Healthy(); err != nil {
		t.Errorf("the controller is not healthy: %v", err)
	}
}

func TestANewSandboxReplacesTheAddressThatTheAPIServerStillHas(t *testing.T) {
	cluster := newWatched(t)
	known := startingPod("uid-1")
	known.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}}
	if _, err := cluster.client.CoreV1().Pods("shop").Update(context.Background(), known, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.add("uid-1", "10.0.0.7"); err != nil {
		t.Fatal(err)
	}
	if cluster.isolates("10.0.0.1") || !cluster.isolates("10.0.0.7") {
		t.Errorf("the old address is still the pod's:\n%s", cluster.nft.Dump())
	}
}

func TestAPodThatTheAPIServerDoesNotKnowMayNotStart(t *testing.T) {
	cluster := newWatched(t)
	ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	err := cluster.controller.Announce(ctx, announce.Announcement{Namespace: "shop", Name: "web", UID: "another", Addresses: addresses("10.0.0.1")})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the answer was %v", err)
	}
}

func TestAPodWaitsForAnEnforcerThatIsJustStarting(t *testing.T) {
	cluster := newUnwatched(t)
	answer := make(chan error)
	go func() {
		_, err := cluster.add("uid-1", "10.0.0.1")
		answer <- err
	}()
	select {
	case err := <-answer:
		t.Fatalf("the plugin did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	cluster.start(t)
	if err := <-answer; err != nil {
		t.Error(err)
	}
}

func TestAPortsAliasIsReadAsItWasWritten(t *testing.T) {
	port := Port{Interface: "veth1", MAC: "02:00:00:00:00:01", Addresses: addresses("10.0.0.1"), UID: "uid-1"}
	if read, announced := portOf("veth1", aliasOf(port)); !announced || !reflect.DeepEqual(read, port) {
		t.Errorf("its alias %q is read as %+v", aliasOf(port), read)
	}
	for _, alias := range []string{"", "uplink", aliasMark, aliasMark + " uid-1 none 10.0.0.1", aliasMark + " uid-1 " + port.MAC + " none"} {
		if read, announced := portOf("veth1", alias); announced {
			t.Errorf("the alias %q announces %+v", alias, read)
		}
	}
}

func TestAnAddressBelongsToThePodWhosePortHasIt(t *testing.T) {
	held := map[netip.Addr]string{netip.MustParseAddr("10.0.0.1"): "uid-2"}
	if kept := keep(addresses("10.0.0.1", "10.0.0.2"), "uid-1", held); !slices.Equal(kept, addresses("10.0.0.2")) {
		t.Errorf("a pod that ended keeps %v", kept)
	}
	if kept := keep(addresses("10.0.0.1"), "uid-2", held); !slices.Equal(kept, addresses("10.0.0.1")) {
		t.Errorf("the pod itself keeps %v", kept)
	}
}
