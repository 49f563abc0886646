package volumes

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// claimed returns what the controller passes for a claim of 20 MiB.
func claimed() controller.ProvisionOptions {
	policy := corev1.PersistentVolumeReclaimRetain
	return controller.ProvisionOptions{
		PVName:       "pvc-1",
		StorageClass: &storagev1.StorageClass{ReclaimPolicy: &policy, MountOptions: []string{"noatime"}},
		PVC: &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "lab", Name: "data"},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadOnlyMany},
				Resources: corev1.VolumeResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20M")},
				},
			},
		},
	}
}

func TestAVolumeIsDescribedAsLocalToTheNode(t *testing.T) {
	store := newStore(t)
	node := &provisioner{store: store, nodeName: "node"}
	volume, state, err := node.Provision(t.Context(), claimed())
	if err != nil || state != controller.ProvisioningFinished {
		t.Fatalf("the state is %v (%v)", state, err)
	}
	spec := volume.Spec
	if volume.Name != "pvc-1" || spec.Local.Path != store.Path("pvc-1") {
		t.Errorf("%s lies at %s", volume.Name, spec.Local.Path)
	}
	if capacity := spec.Capacity[corev1.ResourceStorage]; capacity.String() != "20Mi" {
		t.Errorf("its capacity is %s", capacity.String())
	}
	if *spec.VolumeMode != corev1.PersistentVolumeFilesystem || len(spec.AccessModes) != 2 || spec.MountOptions[0] != "noatime" ||
		spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRetain {
		t.Errorf("it does not follow its claim and class: %+v", spec)
	}
	if rule := spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0]; rule.Key != "kubernetes.io/hostname" || rule.Values[0] != "node" {
		t.Errorf("it is on %+v", rule)
	}

	if err := node.Delete(t.Context(), volume); err != nil {
		t.Error(err)
	}
	expectEntries(t, store.images)
	expectEntries(t, store.mounts)
}

func TestClaimsForOtherThanEmptyFileSystemsAreRefusedInWords(t *testing.T) {
	store := newStore(t)
	block := corev1.PersistentVolumeBlock
	for word, change := range map[string]func(*corev1.PersistentVolumeClaimSpec){
		"Block":      func(spec *corev1.PersistentVolumeClaimSpec) { spec.VolumeMode = &block },
		"dataSource": func(spec *corev1.PersistentVolumeClaimSpec) { spec.DataSource = &corev1.TypedLocalObjectReference{} },
		"selector":   func(spec *corev1.PersistentVolumeClaimSpec) { spec.Selector = &metav1.LabelSelector{} },
	} {
		asked := claimed()
		change(&asked.PVC.Spec)
		_, _, err := (&provisioner{store: store, nodeName: "node"}).Provision(t.Context(), asked)
		if err == nil || !strings.Contains(err.Error(), word) || status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s is answered with %v", word, err)
		}
	}
	expectEntries(t, store.images)
}
