package volumes

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAVolumeIsAsLargeAsAskedAndRefusesMore(t *testing.T) {
	store := newStore(t)
	size, err := store.Make("pvc-1", 20*mebibyte+1)
	if err != nil {
		t.Fatal(err)
	}
	if size != 21*mebibyte {
		t.Errorf("it has %d bytes, want the next MiB", size)
	}
	var image unix.Stat_t
	if err := unix.Stat(store.image("pvc-1"), &image); err != nil {
		t.Fatal(err)
	}
	if image.Size != size || image.Blocks*512 > 2*mebibyte {
		t.Errorf("the image has %d bytes, of which %d are on the disk", image.Size, image.Blocks*512)
	}
	expectEntries(t, store.Path("pvc-1")) // no lost+found
	if info, err := os.Stat(store.Path("pvc-1")); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("its mode is %v (%v): pods run as any user", info.Mode(), err)
	}
	if options := mounts(t, store)[store.Path("pvc-1")]; !strings.Contains(options, "nosuid") || !strings.Contains(options, "nodev") {
		t.Errorf("it is mounted as %q", options)
	}

	written, err := fill(filepath.Join(store.Path("pvc-1"), "file"))
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the full volume answers %v", err)
	}
	if written > size || written < size*85/100 {
		t.Errorf("it took %d bytes of %d", written, size)
	}
}

func TestWhatIsDeletedIsGivenBackToTheDisk(t *testing.T) {
	store := newStore(t)
	makeVolume(t, store, "pvc-1", 64*mebibyte)
	file := filepath.Join(store.Path("pvc-1"), "file")
	if _, err := fill(file); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	unix.Sync()
	full := blocks(t, store.image("pvc-1"))
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	// the kernel does it in the background
	left := full
	for deadline := time.Now().Add(10 * time.Second); left > full/4 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		unix.Sync()
		left = blocks(t, store.image("pvc-1"))
	}
	if full < 32*mebibyte || left > full/4 {
		t.Errorf("the image took %d bytes of the disk, and takes %d", full, left)
	}
}

// blocks returns how many bytes of the disk a file occupies.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var found unix.Stat_t
	if err := unix.Stat(path, &found); err != nil {
		t.Fatal(err)
	}
	return found.Blocks * 512
}

// fill writes to a file until that fails, and returns how many bytes were written.
func fill(path string) (int64, error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var written int64
	for chunk := make([]byte, 64<<10); ; {
		count, err := file.Write(chunk)
		written += int64(count)
		if err != nil {
			return written, err
		}
	}
}

func TestASmallClaimGetsTheSmallestVolume(t *testing.T) {
	store := newStore(t)
	if size, err := store.Make("pvc-1", 1); err != nil || size != smallest {
		t.Errorf("it has %d bytes (%v)", size, err)
	}
}

func TestWhatWasWrittenIsThereAfterAStartOver(t *testing.T) {
	store := newStore(t)
	for _, name := range []string{"pvc-1", "pvc-2"} {
		makeVolume(t, store, name, 1)
		if err := os.WriteFile(filepath.Join(store.Path(name), "note"), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	half := filepath.Join(store.images, "pvc-3.img.new")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	unmountAll(t, store)

	for range 2 { // the second time everything is mounted already
		if err := store.MountAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"pvc-1", "pvc-2"} {
			if note, err := os.ReadFile(filepath.Join(store.Path(name), "note")); err != nil || string(note) != name {
				t.Errorf("%s holds %q (%v)", name, note, err)
			}
		}
		if found := mounts(t, store); len(found) != 2 {
			t.Errorf("mounted are %v", found)
		}
	}
	expectEntries(t, store.images, "pvc-1.img", "pvc-2.img")
}

func TestABrokenImageKeepsNoOtherAwayAndHasNoDirectory(t *testing.T) {
	store := newStore(t)
	makeVolume(t, store, "pvc-2", 1)
	unmountAll(t, store)
	if err := os.WriteFile(store.image("pvc-1"), make([]byte, mebibyte), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(store.Path("pvc-1"), 0o700); err != nil { // as if somebody had created it
		t.Fatal(err)
	}
	if err := store.MountAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectEntries(t, store.mounts, "pvc-2")
	expectEntries(t, store.images, "pvc-1.img", "pvc-2.img")
	if found := mounts(t, store); len(found) != 1 {
		t.Errorf("mounted are %v", found)
	}
}

func TestMakingAVolumeTwiceIsOneVolume(t *testing.T) {
	store := newStore(t)
	if err := os.WriteFile(store.image("pvc-1")+halfSuffix, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	makeVolume(t, store, "pvc-1", 20*mebibyte)
	note := filepath.Join(store.Path("pvc-1"), "note")
	if err := os.WriteFile(note, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(store.Path("pvc-1"), 0o2770); err != nil { // as kubelet does for fsGroup
		t.Fatal(err)
	}
	again := func() {
		t.Helper()
		if size, err := store.Make("pvc-1", 30*mebibyte); err != nil || size != 20*mebibyte {
			t.Errorf("the second time it has %d bytes (%v)", size, err)
		}
		if _, err := os.Stat(note); err != nil {
			t.Error(err)
		}
		if info, err := os.Stat(store.Path("pvc-1")); err != nil || info.Mode().Perm() != 0o770 {
			t.Errorf("its mode is now %v (%v)", info.Mode(), err)
		}
		if found := mounts(t, store); len(found) != 1 {
			t.Errorf("mounted are %v", found)
		}
		expectEntries(t, store.images, "pvc-1.img")
	}
	again()
	unmountAll(t, store) // it has an image, but is not mounted
	again()
}

func TestAVolumeThatWasMountedButNotEmptiedIsCompleted(t *testing.T) {
	store := newStore(t)
	if err := store.makeImage("pvc-1", smallest); err != nil {
		t.Fatal(err)
	}
	if err := store.MountAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectEntries(t, store.Path("pvc-1"), "lost+found")
	makeVolume(t, store, "pvc-1", 1)
	expectEntries(t, store.Path("pvc-1"))
}

func TestADeletedVolumeLeavesNothing(t *testing.T) {
	store := newStore(t)
	makeVolume(t, store, "pvc-1", 1)
	if err := os.WriteFile(filepath.Join(store.Path("pvc-1"), "note"), []byte("note"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is gone
		if err := store.Remove("pvc-1"); err != nil {
			t.Fatal(err)
		}
		expectEntries(t, store.images)
		expectEntries(t, store.mounts)
		if err := noLoops(store.images); err != nil {
			t.Error(err)
		}
	}
	makeVolume(t, store, "pvc-1", 1)
	unmountAll(t, store) // the state after an interrupted deletion
	if err := store.Remove("pvc-1"); err != nil {
		t.Error(err)
	}
	expectEntries(t, store.images)
}

func TestAVolumeInUseIsDeletedAndGivenBackWhenTheUseEnds(t *testing.T) {
	store := newStore(t)
	makeVolume(t, store, "pvc-1", 1)
	file, err := os.Create(filepath.Join(store.Path("pvc-1"), "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := store.Remove("pvc-1"); err != nil {
		t.Fatal(err)
	}
	expectEntries(t, store.images)
	expectEntries(t, store.mounts)
	if found, err := loops(store.images); err != nil || len(found) != 1 {
		t.Errorf("loop devices while a file is open: %v (%v)", found, err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := noLoops(store.images); err != nil {
		t.Error(err)
	}
}

func TestAFailureLeavesNothing(t *testing.T) {
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil {
		t.Fatal(err)
	}
	onlyMkfs := t.TempDir()
	if err := os.Symlink(mkfs, filepath.Join(onlyMkfs, "mkfs.ext4")); err != nil {
		t.Fatal(err)
	}
	for _, failing := range []struct {
		what, path string
		size       int64
	}{
		{"no file system is that large", os.Getenv("PATH"), 1<<63 - 1},
		{"there is no mkfs.ext4", t.TempDir(), 1},
		{"there is no mount", onlyMkfs, 1},
	} {
		t.Run(failing.what, func(t *testing.T) {
			store := newStore(t)
			t.Setenv("PATH", failing.path)
			size, err := store.Make("pvc-1", failing.size)
			if err == nil || !strings.Contains(err.Error(), "volume pvc-1") {
				t.Errorf("it has %d bytes (%v)", size, err)
			}
			expectEntries(t, store.images)
			expectEntries(t, store.mounts)
		})
	}
}

func TestVolumesAreMadeAtOnce(t *testing.T) {
	store := newStore(t)
	names := []string{"pvc-1", "pvc-2", "pvc-3", "pvc-4", "pvc-5", "pvc-6", "pvc-7", "pvc-8"}
	var making sync.WaitGroup
	for _, name := range names {
		making.Go(func() {
			if _, err := store.Make(name, 1); err != nil {
				t.Error(err)
			}
		})
	}
	making.Wait()
	devices := map[string]bool{}
	for _, mounted := range mounts(t, store) {
		devices[mounted] = true
	}
	if len(devices) != len(names) {
		t.Errorf("%d volumes have the devices %v", len(names), devices)
	}
}
