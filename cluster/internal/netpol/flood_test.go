package netpol

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/knftables"
)

// realNFT runs nft in a network namespace of its own, from any thread.
func realNFT(t *testing.T) knftables.Interface {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test makes a network namespace: run it as root")
	}
	name := fmt.Sprintf("netpol-flood-%d", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Fatalf("could not make a network namespace: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			t.Errorf("could not delete %s: %v: %s", name, err, out)
		}
	})
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=/run/netns/%s %s \"$@\"\n", name, nft)
	if err := os.WriteFile(filepath.Join(folder, "nft"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+":"+os.Getenv("PATH"))
	inside, err := knftables.New(knftables.InetFamily, "lectern_netpol_test")
	if err != nil {
		t.Fatal(err)
	}
	return inside
}

// apiPod is a pod of a crowd as the API server reports it.
func apiPod(pod Pod) *corev1.Pod {
	made := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels}}
	made.UID = "uid-1"
	made.Spec.NodeName = pod.NodeName
	made.Status.Phase = corev1.PodRunning
	for _, address := range pod.Addresses {
		made.Status.PodIPs = append(made.Status.PodIPs, corev1.PodIP{IP: address.String()})
	}
	return made
}

// flooded is a cluster in which one namespace has many policies and keeps changing one of them.
func flooded(t *testing.T, policies, ranges int) *watched {
	t.Helper()
	objects := []runtime.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "flood"}},
		ingressFrom(nil),
		startingPod("uid-1"),
	}
	for _, pod := range crowd("flood", 10, min(policies, 20)) {
		objects = append(objects, apiPod(pod))
	}
	for number := range policies {
		objects = append(objects, ranged("flood", fmt.Sprintf("p%d", number), ranges))
	}
	one := &watched{client: fake.NewClientset(objects...), socket: filepath.Join(t.TempDir(), "gate.sock")}
	controller, err := NewController(one.client, Settings{NodeName: node, Limits: Limits{Policies: 512, Elements: 8192}}, NewWriter(realNFT(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	one.controller = controller
	one.start(t)
	waitFor(t, "the first rules", func() bool { return controller.Healthy() == nil })
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		for number := 0; wait(ctx, 5*time.Millisecond); number++ {
			changed := ranged("flood", "p0", ranges-number%2)
			if _, err := one.client.NetworkingV1().NetworkPolicies("flood").Update(ctx, changed, metav1.UpdateOptions{}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}()
	return one
}

func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestOneNamespacesPoliciesDoNotHoldUpTheStartOfAnothersPods(t *testing.T) {
	var quiet time.Duration // with next to no policies, on this machine
	for _, test := range []struct {
		policies, ranges int
		refused          bool
	}{
		{1, 1, false},
		{20, 300, false},
		{300, 300, true},
		{5000, 2, true},
	} {
		t.Run(fmt.Sprintf("%dx%d", test.policies, test.ranges), func(t *testing.T) {
			cluster := flooded(t, test.policies, test.ranges)
			var took []time.Duration
			for number := range 21 {
				began := time.Now()
				if _, err := cluster.add("uid-1", fmt.Sprintf("10.0.0.%d", 1+number)); err != nil {
					t.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			t.Logf("the neighbour's pod waited %v, at most %v", took[len(took)/2], took[len(took)-1])
			if quiet == 0 {
				quiet = took[len(took)/2]
			}
			if limit := max(100*time.Millisecond, 3*quiet); took[len(took)/2] > limit {
				t.Errorf("half of the neighbour's pods waited more than %v", limit)
			}
			told := func() bool {
				events, err := cluster.client.CoreV1().Events("flood").List(context.Background(), metav1.ListOptions{})
				return err == nil && slices.ContainsFunc(events.Items, func(event corev1.Event) bool {
					return event.Reason == "NetworkPoliciesRefused" && strings.Contains(event.Message, "is the limit")
				})
			}
			if test.refused {
				waitFor(t, "an event that says so", told)
			} else if told() {
				t.Error("a namespace within the limits is refused")
			}
		})
	}
}
