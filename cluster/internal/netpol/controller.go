package netpol

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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
	// gatherFor is how long changes are gathered before they are written: short compared with the second within which a
	// change must be in force, long compared with the time between a rollout's events. Pods that wait to start skip it.
	gatherFor = 50 * time.Millisecond
	// verifyEvery is how often the tables are checked, in case somebody else removed them.
	verifyEvery = 15 * time.Second
	// firstRetry and lastRetry bound the wait after a failed write; it doubles in between.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// errNotSynced is the health before the first write.
var errNotSynced = errors.New("the policies were not written yet")

// Controller keeps the rules of one node in line with the API server's policies.
type Controller struct {
	nodeName   string
	bridge     string
	writer     *Writer
	onBridge   *Writer // nil without a bridge
	compiler   *Compiler
	rules      Ruleset // as compiled last
	schedule   *schedule
	refusals   *refusals
	factory    informers.SharedInformerFactory
	pods       corelisters.PodLister
	namespaces corelisters.NamespaceLister
	policies   networkinglisters.NetworkPolicyLister
	changed    chan struct{} // by the API server
	announced  chan struct{} // by the gate
	gate       *gate
	ports      portList
	health     atomic.Pointer[error]
}

// Settings describe the node of a controller.
type Settings struct {
	NodeName string
	// Bridge is the pods' bridge: each of its ports is restricted to what was announced for it, and what enters through
	// any other port is dropped. Empty if there is none.
	Bridge string
	Limits Limits
}

// NewController returns a controller for the node's pods. It writes policies with writer, and the rules of the bridge, if
// there is one, with onBridge.
func NewController(client kubernetes.Interface, settings Settings, writer, onBridge *Writer) (*Controller, error) {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(withoutManagedFields))
	controller := &Controller{
		nodeName:   settings.NodeName,
		bridge:     settings.Bridge,
		writer:     writer,
		onBridge:   onBridge,
		compiler:   NewCompiler(settings.NodeName, settings.Bridge, settings.Limits),
		schedule:   newSchedule(),
		refusals:   newRefusals(client),
		factory:    factory,
		pods:       factory.Core().V1().Pods().Lister(),
		namespaces: factory.Core().V1().Namespaces().Lister(),
		policies:   factory.Networking().V1().NetworkPolicies().Lister(),
		changed:    make(chan struct{}, 1),
		announced:  make(chan struct{}, 1),
		gate:       newGate(),
		ports:      portList{links: links{settings.Bridge}},
	}
	controller.rules = Ruleset{baseOwner: controller.compiler.Base()}
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

// Healthy returns why the rules are not up to date, or nil if they are.
func (c *Controller) Healthy() error { return *c.health.Load() }

func (c *Controller) setHealth(err error) { c.health.Store(&err) }

// Run watches and writes until the context ends. The rules stay when it returns.
func (c *Controller) Run(ctx context.Context) error {
	if err := c.ports.load(); err != nil {
		return err
	}
	c.factory.Start(ctx.Done())
	defer c.factory.Shutdown()
	for kind, synced := range c.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("could not list %s before the end", kind)
		}
	}
	verify := time.NewTicker(verifyEvery)
	defer verify.Stop()
	lost := make(chan error, 1)
	retry := firstRetry
	for {
		next, err := c.sync(ctx)
		if err != nil {
			c.setHealth(err)
			klog.ErrorS(err, "Could not write the rules; the whole table will be rewritten", "wait", retry)
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
		case <-c.announced:
		case <-c.changed:
			c.gather(ctx)
		case <-time.After(next):
		case <-verify.C:
			go c.verify(ctx, lost)
			if err := c.ports.load(); err != nil {
				klog.ErrorS(err, "Could not list the bridge's ports")
			}
		case err := <-lost:
			klog.ErrorS(err, "A table was changed by somebody else and is rewritten")
			c.forget()
		}
	}
}

// gather waits for more changes, unless a pod is waiting to start.
func (c *Controller) gather(ctx context.Context) {
	if len(c.gate.expected()) > 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-c.announced:
	case <-time.After(gatherFor):
	}
	select {
	case <-c.changed: // the listers have it already
	default:
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

// verify reports on lost if a table is gone. It runs concurrently with writes, which it must not delay.
func (c *Controller) verify(ctx context.Context, lost chan<- error) {
	err := findChains(ctx, c.writer.nft, c.compiler.Base())
	if err == nil && c.onBridge != nil {
		err = findChains(ctx, c.onBridge.nft, bridgeBase())
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	select {
	case lost <- err:
	default:
	}
}

func (c *Controller) forget() {
	c.writer.Forget()
	if c.onBridge != nil {
		c.onBridge.Forget()
	}
}

// sync writes what is due and returns how long until more is. Pods that wait to start come first, with nothing but their
// own namespaces and ports.
func (c *Controller) sync(ctx context.Context) (time.Duration, error) {
	expected := c.gate.expected()
	state, err := c.state()
	if err != nil {
		return 0, err
	}
	c.compiler.Observe(state)
	first := !c.writer.Knows()
	c.schedule.note(c.compiler.Stale(), time.Now())
	names := c.schedule.urgent(expected)
	if first {
		names = c.schedule.all()
	}
	if err := c.write(ctx, names); err != nil {
		return 0, err
	}
	c.gate.enforced(state, c.schedule.pending())
	// Only one batch of the others, so that a pod that starts meanwhile waits for no more than that.
	err = c.write(ctx, c.schedule.due(time.Now(), c.compiler.weight))
	return c.schedule.next(time.Now()), err
}

// write compiles the namespaces and brings both tables up to date concurrently.
func (c *Controller) write(ctx context.Context, names []string) error {
	costs := map[string]time.Duration{}
	for _, name := range names {
		began := time.Now()
		part, problems := c.compiler.Compile(name)
		for _, problem := range problems {
			klog.ErrorS(problem, "A part of a policy allows nothing", "namespace", name)
		}
		c.refusals.note(name, part)
		if part == nil {
			delete(c.rules, name)
		} else {
			c.rules[name] = part
		}
		costs[name] = time.Since(began)
	}
	began := time.Now()
	ports := make(chan error, 1)
	if c.onBridge == nil {
		ports <- nil
	} else {
		rules := bridgeRules(c.ports.all(), c.onBridge.written)
		go func() {
			_, err := c.onBridge.Write(ctx, rules)
			ports <- err
		}()
	}
	written, err := c.writer.Write(ctx, c.rules)
	err = errors.Join(err, <-ports)
	took := time.Since(began)
	c.schedule.done(names, costs, took, time.Now())
	if written {
		klog.V(2).InfoS("The rules were written", "namespaces", len(names), "took", took)
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
	holders := c.ports.holders()
	for _, pod := range pods {
		reduced, concerned := podFrom(c.gate.fill(pod))
		if !concerned {
			continue
		}
		if reduced.NodeName == c.nodeName {
			reduced.Addresses = keep(reduced.Addresses, string(pod.UID), holders)
		}
		if len(reduced.Addresses) > 0 {
			state.Pods = append(state.Pods, reduced)
		}
	}
	if state.Policies, err = c.policies.List(labels.Everything()); err != nil {
		return State{}, fmt.Errorf("could not list the policies: %w", err)
	}
	return state, nil
}

// keep returns the addresses that no other pod's port has: a pod that ended may still be listed with an address that
// another pod has got since.
func keep(addresses []netip.Addr, uid string, holders map[netip.Addr]string) []netip.Addr {
	var kept []netip.Addr
	for _, address := range addresses {
		if holder, held := holders[address]; !held || holder == uid {
			kept = append(kept, address)
		}
	}
	return kept
}

// handler returns an event handler that wakes the loop on changes that matter to policies.
func (c *Controller) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { wake(c.changed) },
		DeleteFunc: func(any) { wake(c.changed) },
		UpdateFunc: func(before, after any) {
			if concerns(before, after) {
				wake(c.changed)
			}
		},
	}
}

// wake makes the loop run again. Several calls before it does count as one.
func wake(loop chan<- struct{}) {
	select {
	case loop <- struct{}{}:
	default:
	}
}

// concerns returns whether an update can change the rules. Most updates of pods are about their containers' states.
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

// withoutManagedFields drops fields that nothing here reads, to save memory.
func withoutManagedFields(object any) (any, error) {
	if accessor, ok := object.(metav1.ObjectMetaAccessor); ok {
		accessor.GetObjectMeta().SetManagedFields(nil)
	}
	return object, nil
}
