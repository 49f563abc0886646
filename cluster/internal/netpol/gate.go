package netpol

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"lectern/cluster/internal/announce"
)

type podKey struct{ namespace, name string }

// gate holds the announcements that the API server does not know yet, and the pods that wait for them to be enforced.
type gate struct {
	mutex     sync.Mutex
	announced map[podKey]announce.Announcement
	waiting   map[podKey][]chan struct{}
}

func newGate() *gate {
	return &gate{announced: map[podKey]announce.Announcement{}, waiting: map[podKey][]chan struct{}{}}
}

// announce records the announcement. The returned channel closes when it is enforced.
func (g *gate) announce(one announce.Announcement) <-chan struct{} {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	key := podKey{one.Namespace, one.Name}
	enforced := make(chan struct{})
	g.announced[key] = one
	g.waiting[key] = append(g.waiting[key], enforced)
	return enforced
}

// fill gives a pod its announced addresses until the API server agrees: while it knows none yet, and while it still has
// those of an earlier sandbox.
func (g *gate) fill(pod *corev1.Pod) *corev1.Pod {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	key := podKey{pod.Namespace, pod.Name}
	one, announced := g.announced[key]
	if !announced {
		return pod
	}
	if one.UID != "" && one.UID != string(pod.UID) {
		return pod
	}
	if reduced, concerned := podFrom(pod); concerned && slices.Equal(reduced.Addresses, one.Addresses) {
		if len(g.waiting[key]) == 0 {
			delete(g.announced, key)
		}
		return pod
	}
	filled := pod.DeepCopy()
	filled.Status.PodIPs = nil
	for _, address := range one.Addresses {
		filled.Status.PodIPs = append(filled.Status.PodIPs, corev1.PodIP{IP: address.String()})
	}
	return filled
}

// expected returns the namespaces of pods that are waiting to start.
func (g *gate) expected() map[string]struct{} {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	namespaces := map[string]struct{}{}
	for key := range g.waiting {
		namespaces[key.namespace] = struct{}{}
	}
	return namespaces
}

// enforced lets the pods of the written state start, except those of namespaces that are yet to be written, and forgets
// announcements of pods that are gone.
func (g *gate) enforced(state State, pending map[string]struct{}) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if len(g.announced) == 0 {
		return
	}
	there := map[podKey][]netip.Addr{}
	for _, pod := range state.Pods {
		there[podKey{pod.Namespace, pod.Name}] = pod.Addresses
	}
	for key, one := range g.announced {
		if _, later := pending[key.namespace]; later {
			continue
		}
		addresses, known := there[key]
		if known && slices.Equal(addresses, one.Addresses) {
			for _, enforced := range g.waiting[key] {
				close(enforced)
			}
			delete(g.waiting, key)
		} else if !known && len(g.waiting[key]) == 0 {
			delete(g.announced, key)
		}
	}
}

// withdraw forgets a pod that gave up waiting.
func (g *gate) withdraw(one announce.Announcement) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	key := podKey{one.Namespace, one.Name}
	delete(g.announced, key)
	delete(g.waiting, key)
}

// Announce returns once the pod's port and policies are in force for the announced addresses.
func (c *Controller) Announce(ctx context.Context, one announce.Announcement) error {
	if err := c.ports.announce(one); err != nil {
		return err
	}
	enforced := c.gate.announce(one)
	wake(c.announced)
	select {
	case <-enforced:
		return nil
	case <-ctx.Done():
		c.gate.withdraw(one)
		return fmt.Errorf("the policies of %s/%s could not be enforced in time: %w", one.Namespace, one.Name, context.Cause(ctx))
	}
}

// Withdraw closes the port of a pod that ends.
func (c *Controller) Withdraw(one announce.Announcement) {
	c.ports.withdraw(one.Interfaces)
	wake(c.announced)
}

// serveGate answers announcements on a socket that only root can open, until the context ends.
func serveGate(ctx context.Context, path string, controller *Controller) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("could not remove the socket of an earlier run: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("could not listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("could not keep others from %s: %w", path, err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST "+announce.Path, func(response http.ResponseWriter, request *http.Request) {
		one, read := readPod(response, request)
		if !read {
			return
		}
		waiting, stop := context.WithTimeout(request.Context(), announce.Timeout)
		defer stop()
		if err := controller.Announce(waiting, one); err != nil {
			klog.ErrorS(err, "A pod is kept from starting")
			http.Error(response, err.Error(), http.StatusServiceUnavailable)
			return
		}
		response.WriteHeader(http.StatusNoContent)
	})
	routes.HandleFunc("DELETE "+announce.Path, func(response http.ResponseWriter, request *http.Request) {
		if one, read := readPod(response, request); read {
			controller.Withdraw(one)
			response.WriteHeader(http.StatusNoContent)
		}
	})
	serve(ctx, listener, routes)
	return nil
}

// readPod reads what the plugin sends. If that cannot be read, it has already answered the request.
func readPod(response http.ResponseWriter, request *http.Request) (announce.Announcement, bool) {
	var one announce.Announcement
	if err := json.NewDecoder(http.MaxBytesReader(response, request.Body, 1<<16)).Decode(&one); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return one, false
	}
	return one, true
}
