package volumes

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	// guardEvery is the interval between two checks of the disk. On most disks it takes longer to fill a reserve of two GiB.
	guardEvery = time.Second
	// leastGrowth is how much a volume must have grown since the last check to be the one that fills the disk.
	leastGrowth = 4 * mebibyte
	// endWithin is the grace period of a pod that fills the disk, in seconds.
	endWithin = 1
)

// guard protects the reserve from volumes that were promised more than the disk has. While less than the reserve is free,
// it ends the pods of the volume that grows fastest. What they wrote stays in the volume.
type guard struct {
	store    *Store
	client   kubernetes.Interface
	nodeName string
	before   map[string]disk
}

// run checks the disk until the context ends.
func (g *guard) run(ctx context.Context) {
	ticker := time.NewTicker(guardEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := g.checkDisk(ctx); err != nil && ctx.Err() == nil {
				klog.ErrorS(err, "Could not check the disk's reserve")
			}
		}
	}
}

// checkDisk ends pods if the disk is below its reserve. While there is plenty of room it does not measure volumes.
func (g *guard) checkDisk(ctx context.Context) error {
	size, free, err := g.store.free()
	if err != nil {
		return err
	}
	reserve := g.store.room.reserve(size)
	if free > 2*reserve {
		g.before = nil
		return nil
	}
	now, err := g.store.sizes()
	if err != nil {
		return err
	}
	before := g.before
	g.before = now
	if free >= reserve || before == nil {
		return nil
	}
	name := fastest(before, now)
	if name == "" {
		return nil
	}
	klog.InfoS("Ending the pods of a volume that fills the disk", "volume", name, "free", binary(free), "reserve", binary(reserve))
	return g.endPods(ctx, name, fmt.Sprintf("the node's disk has %s left, less than its reserve of %s, and this pod's volume was growing: delete what nobody needs", binary(free), binary(reserve)))
}

// fastest returns the name of the volume that grew most, or an empty string if none grew much.
func fastest(before, now map[string]disk) string {
	name, most := "", int64(leastGrowth-1)
	for volume, size := range now {
		if growth := size.occupied - before[volume].occupied; growth > most {
			name, most = volume, growth
		}
	}
	return name
}

// endPods deletes the pods that use the volume.
func (g *guard) endPods(ctx context.Context, name, reason string) error {
	volume, err := g.client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("could not find whose volume %s is: %w", name, err)
	}
	claim := volume.Spec.ClaimRef
	if claim == nil {
		return fmt.Errorf("volume %s grows and is nobody's", name)
	}
	pods, err := g.client.CoreV1().Pods(claim.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("could not list the pods of %s: %w", claim.Namespace, err)
	}
	grace := int64(endWithin)
	for _, pod := range pods.Items {
		if pod.Spec.NodeName != g.nodeName || pod.DeletionTimestamp != nil || !uses(pod, claim.Name) {
			continue
		}
		g.report(ctx, pod, reason)
		err := g.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &grace, Preconditions: &metav1.Preconditions{UID: &pod.UID},
		})
		if err != nil {
			return fmt.Errorf("could not end the pod %s/%s, which fills the disk: %w", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

func uses(pod corev1.Pod, claim string) bool {
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil && volume.PersistentVolumeClaim.ClaimName == claim {
			return true
		}
		// The claim of an ephemeral volume is named after the pod and the volume.
		if volume.Ephemeral != nil && pod.Name+"-"+volume.Name == claim {
			return true
		}
	}
	return false
}

// report creates an event that says why a pod is ended.
func (g *guard) report(ctx context.Context, pod corev1.Pod, reason string) {
	now := metav1.Now()
	event := &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: "volumes-", Namespace: pod.Namespace},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Type:           corev1.EventTypeWarning, Reason: "DiskFull", Message: "Ended: " + reason,
		Source:         corev1.EventSource{Component: "volumes", Host: g.nodeName},
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
	}
	if _, err := g.client.CoreV1().Events(pod.Namespace).Create(ctx, event, metav1.CreateOptions{}); err != nil {
		klog.ErrorS(err, "Could not report why a pod is ended", "pod", klog.KObj(&pod))
	}
}
