package volumes

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhatADiskHasNoRoomForIsNotPromised(t *testing.T) {
	for _, test := range []struct {
		what  string
		room  Room
		asked int64
		on    disk
		fits  bool
	}{
		{"an empty disk", Room{2 * gibibyte, 1}, 8 * gibibyte, disk{size: 20 * gibibyte, free: 10 * gibibyte}, true},
		{"more than is free beyond the reserve", Room{2 * gibibyte, 100}, 9 * gibibyte, disk{size: 20 * gibibyte, free: 10 * gibibyte}, false},
		{"a disk below its reserve", Room{2 * gibibyte, 100}, smallest, disk{size: 20 * gibibyte, free: gibibyte}, false},
		{"promises that use up what is free", Room{2 * gibibyte, 1}, gibibyte, disk{size: 20 * gibibyte, free: 10 * gibibyte, promised: 8 * gibibyte}, false},
		{"promises that were kept already", Room{2 * gibibyte, 1}, gibibyte, disk{size: 20 * gibibyte, free: 10 * gibibyte, promised: 8 * gibibyte, occupied: 8 * gibibyte}, true},
		{"a class with homes that are nearly empty", Room{-1, 4}, gibibyte, disk{size: 40 * gibibyte, free: 20 * gibibyte, promised: 60 * gibibyte, occupied: gibibyte}, true},
		{"twice that class", Room{-1, 4}, gibibyte, disk{size: 40 * gibibyte, free: 20 * gibibyte, promised: 120 * gibibyte, occupied: 2 * gibibyte}, false},
		{"a large disk's own reserve", Room{-1, 4}, gibibyte, disk{size: 1000 * gibibyte, free: 16 * gibibyte}, false},
		{"a large disk that is nearly full", Room{-1, 4}, gibibyte, disk{size: 1000 * gibibyte, free: 20 * gibibyte}, true},
		{"promises that nobody bounds", Room{2 * gibibyte, 0}, 1000 * gibibyte, disk{size: 20 * gibibyte, free: gibibyte}, true},
	} {
		err := test.room.check(test.asked, test.on)
		if (err == nil) != test.fits {
			t.Errorf("%s: %v", test.what, err)
		}
		if err != nil && (!errors.As(err, new(noRoom)) || !strings.Contains(err.Error(), "delete claims")) {
			t.Errorf("%s is answered with %v", test.what, err)
		}
	}
}

// newBoundedStore returns a store on a disk of the size.
func newBoundedStore(t *testing.T, size int64, room Room) *Store {
	t.Helper()
	outer := newStore(t)
	if _, err := outer.Make("disk", size); err != nil {
		t.Fatal(err)
	}
	folder := outer.Path("disk")
	store, err := NewStore(filepath.Join(folder, "images"), filepath.Join(folder, "mounts"), room)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unmountAll(t, store) })
	return store
}

func TestVolumesThatTheDiskCannotKeepAreRefusedWithTheNumbers(t *testing.T) {
	store := newBoundedStore(t, 512*mebibyte, Room{Reserve: 64 * mebibyte, Overcommit: 1})
	makeVolume(t, store, "pvc-1", 200*mebibyte)
	_, err := store.Make("pvc-2", 250*mebibyte)
	if err == nil {
		t.Fatal("more was promised than the disk has")
	}
	for _, word := range []string{"volume pvc-2", "of 250Mi", "64Mi are kept in reserve", "are free", "delete claims"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is missing in %v", word, err)
		}
	}
	expectEntries(t, store.images, "pvc-1.img")
	if size, err := store.Make("pvc-1", 200*mebibyte); err != nil || size != 200*mebibyte {
		t.Errorf("a volume that is there has %d bytes (%v)", size, err)
	}
	if err := store.Remove("pvc-1"); err != nil {
		t.Fatal(err)
	}
	makeVolume(t, store, "pvc-2", 250*mebibyte)

	// Writing occupies nothing beyond what was promised.
	if _, err := fill(filepath.Join(store.Path("pvc-2"), "file")); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("the full volume answers %v", err)
	}
	unix.Sync()
	makeVolume(t, store, "pvc-3", 64*mebibyte)
	// Somebody else filled the disk.
	if err := unix.Fallocate(create(t, filepath.Join(store.images, "..", "other")), 0, 0, 150*mebibyte); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Make("pvc-4", smallest); !errors.As(err, new(noRoom)) {
		t.Errorf("on a disk below its reserve a volume is answered with %v", err)
	}
}

func create(t *testing.T, path string) int {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return int(file.Fd())
}

func TestVolumesMadeAtOnceArePromisedTheDiskOnce(t *testing.T) {
	store := newBoundedStore(t, 512*mebibyte, Room{Reserve: 64 * mebibyte, Overcommit: 1})
	var made atomic.Int64
	var making sync.WaitGroup
	for _, name := range []string{"pvc-1", "pvc-2", "pvc-3", "pvc-4", "pvc-5", "pvc-6"} {
		making.Go(func() {
			_, err := store.Make(name, 150*mebibyte)
			switch {
			case err == nil:
				made.Add(1)
			case !errors.As(err, new(noRoom)):
				t.Error(err)
			}
		})
	}
	making.Wait()
	if made.Load() != 2 {
		t.Errorf("%d volumes of 150 MiB were made on 512 MiB with a reserve of 64", made.Load())
	}
	if len(store.underWay) != 0 {
		t.Errorf("it still makes %v", store.underWay)
	}
}

func TestTheReserveAndTheOvercommitAreChosen(t *testing.T) {
	for _, test := range []struct {
		reserve    string
		overcommit float64
		want       Room
		fails      bool
	}{
		{"", 4, Room{-1, 4}, false},
		{"10Gi", 1, Room{10 * gibibyte, 1}, false},
		{"0", 0, Room{0, 0}, false},
		{"much", 1, Room{}, true},
		{"-1Gi", 1, Room{}, true},
		{"", -1, Room{}, true},
	} {
		room, err := roomOf(options{reserve: test.reserve, overcommit: test.overcommit})
		if (err != nil) != test.fails || (err == nil && room != test.want) {
			t.Errorf("%q and %g make %+v (%v)", test.reserve, test.overcommit, room, err)
		}
	}
}
