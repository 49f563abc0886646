package volumes

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// userOf returns a volume's object and a pod that mounts the volume by its claim.
func userOf(volume, namespace, node string) (*corev1.PersistentVolume, *corev1.Pod) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "user-" + node, UID: "uid"}}
	pod.Spec.NodeName = node
	source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: source}}
	made := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: volume}}
	made.Spec.ClaimRef = &corev1.ObjectReference{Namespace: namespace, Name: "data"}
	return made, pod
}

// write adds so many bytes to a volume and waits until they are on the disk.
func write(t *testing.T, store *Store, name string, size int) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(store.Path(name), "file"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	unix.Sync()
}

func TestTheVolumeThatTakesTheReserveLosesItsPodsAndNoOtherDoes(t *testing.T) {
	store := newBoundedStore(t, 512*mebibyte, Room{Reserve: 200 * mebibyte, Overcommit: 100})
	greedy, eve := userOf("pvc-1", "eve", "node")
	modest, bob := userOf("pvc-2", "bob", "node")
	_, elsewhere := userOf("pvc-1", "eve", "elsewhere")
	client := fake.NewClientset(greedy, eve, modest, bob, elsewhere)
	watch := &guard{store: store, client: client, nodeName: "node"}
	makeVolume(t, store, "pvc-1", 250*mebibyte)
	makeVolume(t, store, "pvc-2", 150*mebibyte)
	check := func() {
		t.Helper()
		if err := watch.checkDisk(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	runs := func(pod *corev1.Pod) bool {
		_, err := client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
		return err == nil
	}

	write(t, store, "pvc-2", 100*mebibyte)
	check() // above the reserve
	write(t, store, "pvc-2", 20*mebibyte)
	check()
	if !runs(eve) || !runs(bob) {
		t.Fatal("a pod was ended while the reserve was free")
	}
	write(t, store, "pvc-1", 190*mebibyte)
	write(t, store, "pvc-2", 5*mebibyte)
	check()
	if runs(eve) || !runs(bob) || !runs(elsewhere) {
		t.Errorf("running are eve's %v, bob's %v, and eve's elsewhere %v", runs(eve), runs(bob), runs(elsewhere))
	}
	events, err := client.CoreV1().Events("eve").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(events.Items) != 1 || events.Items[0].Reason != "DiskFull" {
		t.Errorf("the events are %+v (%v)", events, err)
	}
	check() // nothing grows any more
	if !runs(bob) {
		t.Error("a pod whose volume does not grow was ended")
	}
}
