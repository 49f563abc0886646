package netpol

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const (
	// gatherFor is how long changes are gathered before they are written: short beside the second in which a change
	// must hold, long beside the moments that a rollout's events lie apart.
	gatherFor = 50 * time.Millisecond
	// verifyEvery is how often the table is looked at, in case somebody else removed it.
	verifyEvery = 15 * time.Second
	// firstRetry and lastRetry bound the wait after a failed write; it doubles in between.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// errNotSynced is the state before the first write.
var errNotSynced = errors.New("the policies were not written yet")

// Controller keeps the rules of one node like the API server's policies.
type Controller struct {
	nodeName   string
	writer     *Writer
	factory    informers.SharedInformerFactory
	pods       corelisters.PodLister
	namespaces corelisters.NamespaceLister
	policies   networkinglisters.NetworkPolicyLister
	changed    chan struct{}
	gate       *gate
	bridge     string
	health     atomic.Pointer[error]
}

// NewController returns a controller for the node's pods that writes with the writer. With a bridge, what enters
// through it from an address of no known pod is dropped.
func NewController(client kubernetes.Interface, nodeName, bridge string, writer *Writer) (*Controller, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields))
	controller := &Controller{
		nodeName:   nodeName,
		writer:     writer,
		factory:    factory,
		pods:       factory.Core().V1().Pods().Lister(),
		namespaces: factory.Core().V1().Namespaces().Lister(),
		policies:   factory.Networking().V1().NetworkPolicies().Lister(),
		changed:    make(chan struct{}, 1),
		gate:       newGate(),
		bridge:     bridge,
	}
	controller.setHealth(errNotSynced)
	for _, informer := range []cache.SharedIndexInformer{
		factory.Core().V1().Pods().Informer(),
		factory.Core().V1().Namespaces().Informer(),
		factory.Networking().V1().NetworkPolicies().Informer(),
	} {
		if _, err := informer.AddEventHandler(controller.handler()); err != nil {
			return nil, fmt.Errorf("could not watch the API server: %w", err)
		}
	}
	return controller, nil
}

// Healthy returns why the rules are not up to date, or nil.
func (c *Controller) Healthy() error { return *c.health.Load() }

func (c *Controller) setHealth(err error) { c.health.Store(&err) }

// Run watches and writes until the context ends. The rules stay when it returns.
func (c *Controller) Run(ctx context.Context) error {
	c.factory.Start(ctx.Done())
	defer c.factory.Shutdown()
	for kind, synced := range c.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("could not list %s before the end", kind)
		}
	}
	verify := time.NewTicker(verifyEvery)
	defer verify.Stop()
	retry := firstRetry
	for {
		if err := c.sync(ctx); err != nil {
			c.setHealth(err)
			klog.ErrorS(err, "The rules could not be written; the whole table follows", "wait", retry)
			if !wait(ctx, retry) {
				return nil
			}
			retry = min(2*retry, lastRetry)
			continue
		}
		c.setHealth(nil)
		retry = firstRetry
		select {
		case <-ctx.Done():
			return nil
		case <-c.changed:
			if !wait(ctx, gatherFor) {
				return nil
			}
			// What arrived while waiting is in the listers already.
			select {
			case <-c.changed:
			default:
			}
		case <-verify.C:
			if err := c.writer.Verify(ctx); err != nil {
				klog.ErrorS(err, "The table was changed by somebody else and is written again")
			}
		}
	}
}

func wait(ctx context.Context, interval time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(interval):
		return true
	}
}

func (c *Controller) sync(ctx context.Context) error {
	started := time.Now()
	state, err := c.state()
	if err != nil {
		return err
	}
	rules, problems := Compile(state)
	for _, problem := range problems {
		klog.ErrorS(problem, "A part of a policy allows nothing")
	}
	written, err := c.writer.Write(ctx, rules)
	if written {
		klog.V(2).InfoS("The rules were written", "policies", len(state.Policies), "pods", len(state.Pods), "took", time.Since(started))
	}
	if err == nil {
		c.gate.enforced(state)
	}
	return err
}

func (c *Controller) state() (State, error) {
	state := State{NodeName: c.nodeName, Bridge: c.bridge, Namespaces: map[string]labels.Set{}}
	namespaces, err := c.namespaces.List(labels.Everything())
	if err != nil {
		return State{}, fmt.Errorf("could not list the namespaces: %w", err)
	}
	for _, namespace := range namespaces {
		state.Namespaces[namespace.Name] = namespace.Labels
	}
	pods, err := c.pods.List(labels.Everything())
	if err != nil {
		return State{}, fmt.Errorf("could not list the pods: %w", err)
	}
	for _, pod := range pods {
		if reduced, concerned := podFrom(c.gate.fill(pod)); concerned {
			state.Pods = append(state.Pods, reduced)
		}
	}
	if state.Policies, err = c.policies.List(labels.Everything()); err != nil {
		return State{}, fmt.Errorf("could not list the policies: %w", err)
	}
	return state, nil
}

// handler wakes the loop for changes that policies look at.
func (c *Controller) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { c.wake() },
		DeleteFunc: func(any) { c.wake() },
		UpdateFunc: func(before, after any) {
			if concerns(before, after) {
				c.wake()
			}
		},
	}
}

func (c *Controller) wake() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// concerns says whether an update can change the rules: most updates of pods are about their containers' states.
func concerns(before, after any) bool {
	switch now := after.(type) {
	case *corev1.Pod:
		was, ok := before.(*corev1.Pod)
		if !ok {
			return true
		}
		reducedWas, concernedWas := podFrom(was)
		reducedNow, concernedNow := podFrom(now)
		return concernedWas != concernedNow || !reflect.DeepEqual(reducedWas, reducedNow)
	case *corev1.Namespace:
		was, ok := before.(*corev1.Namespace)
		return !ok || !reflect.DeepEqual(was.Labels, now.Labels)
	case *networkingv1.NetworkPolicy:
		was, ok := before.(*networkingv1.NetworkPolicy)
		return !ok || !reflect.DeepEqual(was.Spec, now.Spec)
	default:
		return true
	}
}

// withoutManagedFields saves the memory of what nothing here reads.
func withoutManagedFields(object any) (any, error) {
	if accessor, ok := object.(metav1.ObjectMetaAccessor); ok {
		accessor.GetObjectMeta().SetManagedFields(nil)
	}
	return object, nil
}
