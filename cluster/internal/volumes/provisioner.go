package volumes

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// refusal says why a claim can never be met. The controller recognises it by its status and then retries only every few
// minutes.
type refusal string

func (r refusal) Error() string { return string(r) }

// GRPCStatus returns the kind of the error for the controller's library.
func (r refusal) GRPCStatus() *status.Status { return status.New(codes.InvalidArgument, string(r)) }

// provisioner makes volumes in the store for claims.
type provisioner struct {
	store    *Store
	nodeName string
}

var _ controller.Provisioner = (*provisioner)(nil)

// Provision makes the volume for a claim. It ignores its context: it is short, and a volume that is nearly made is better
// finished.
func (p *provisioner) Provision(_ context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	began := time.Now()
	if err := check(options.PVC); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	asked := options.PVC.Spec.Resources.Requests[corev1.ResourceStorage]
	size, err := p.store.Make(options.PVName, asked.Value())
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	klog.InfoS("Made a volume", "volume", options.PVName, "claim", klog.KObj(options.PVC), "bytes", size, "took", time.Since(began))
	return p.describe(options, size), controller.ProvisioningFinished, nil
}

// Delete removes the volume. The controller calls it only for volumes of its own provisioner.
func (p *provisioner) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	if err := p.store.Remove(volume.Name); err != nil {
		return err
	}
	klog.InfoS("Removed a volume", "volume", volume.Name)
	return nil
}

// check refuses claims that these volumes cannot meet.
func check(claim *corev1.PersistentVolumeClaim) error {
	spec := claim.Spec
	switch {
	case spec.VolumeMode != nil && *spec.VolumeMode == corev1.PersistentVolumeBlock:
		return refusal("only volumes with a file system are made: set volumeMode to Filesystem instead of Block")
	case spec.DataSource != nil || spec.DataSourceRef != nil:
		return refusal("only empty volumes are made: leave out dataSource and dataSourceRef")
	case spec.Selector != nil:
		return refusal("volumes are made without labels: leave out the selector")
	}
	return nil
}

// describe returns the volume as a Kubernetes object. The controller adds the claim, the class and the annotation.
func (p *provisioner) describe(options controller.ProvisionOptions, size int64) *corev1.PersistentVolume {
	mode := corev1.PersistentVolumeFilesystem
	onNode := corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{p.nodeName}}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: *resource.NewQuantity(size, resource.BinarySI)},
			AccessModes:                   options.PVC.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy, // the API server fills it in
			MountOptions:                  options.StorageClass.MountOptions,
			VolumeMode:                    &mode,
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				Local: &corev1.LocalVolumeSource{Path: p.store.Path(options.PVName)},
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{onNode}}},
			}},
		},
	}
}
