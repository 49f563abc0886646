package netpol

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

// eventEvery is the shortest time between two events about a namespace's refusal.
const eventEvery = time.Minute

// refusals reports when a namespace's policies become too many, and when they no longer are.
type refusals struct {
	client kubernetes.Interface
	last   map[string]refusal // the last one reported of each namespace
}

type refusal struct {
	reason string
	at     time.Time
}

func newRefusals(client kubernetes.Interface) *refusals {
	return &refusals{client: client, last: map[string]refusal{}}
}

// note reports a change of whether the namespace's part is refused, in the log and as an event in the namespace.
func (r *refusals) note(namespace string, part *Part) {
	was, refused := r.last[namespace]
	if part == nil || part.Refused == "" {
		if refused {
			klog.InfoS("The policies of a namespace are enforced again", "namespace", namespace)
			delete(r.last, namespace)
		}
		return
	}
	if refused && (was.reason == part.Refused || time.Since(was.at) < eventEvery) {
		return
	}
	r.last[namespace] = refusal{part.Refused, time.Now()}
	klog.InfoS("The pods of a namespace are isolated", "namespace", namespace, "reason", part.Refused)
	go r.createEvent(namespace, part.Refused)
}

func (r *refusals) createEvent(namespace, reason string) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	now := metav1.Now()
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: "network-policy-", Namespace: namespace},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Namespace", Name: namespace, Namespace: namespace},
		Type:           corev1.EventTypeWarning,
		Reason:         "NetworkPoliciesRefused",
		Message:        fmt.Sprintf("Pods of this namespace reach nothing and are reached by nobody: %s. Delete network policies, or join them into fewer.", reason),
		Source:         corev1.EventSource{Component: "network-policy"},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	if _, err := r.client.CoreV1().Events(namespace).Create(ctx, event, metav1.CreateOptions{}); err != nil {
		klog.ErrorS(err, "Could not report to a namespace that its pods are isolated", "namespace", namespace)
	}
}
