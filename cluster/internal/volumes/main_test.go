package volumes

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inside is an environment variable that is set in the process that runs the tests.
const inside = "VOLUMES_TEST_INSIDE"

// TestMain runs the tests in a mount namespace of their own, so that no mount outlives them, and afterwards checks that
// they left nothing.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "these tests mount file systems: run them as root")
		os.Exit(1)
	}
	folder, err := os.MkdirTemp("", "volumes-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	command := exec.Command(os.Args[0], os.Args[1:]...)
	command.Env = append(os.Environ(), inside+"=1", "TMPDIR="+folder)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	failed := command.Run() // the tests have printed why
	left := errors.Join(lookForLeftovers(folder), os.RemoveAll(folder))
	if left != nil {
		fmt.Fprintln(os.Stderr, left)
	}
	if failed != nil || left != nil {
		os.Exit(1)
	}
}

func lookForLeftovers(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("the tests left %v in %s", entries, folder)
	}
	return noLoops(folder)
}

// loops returns the images below a folder that have a loop device, including deleted ones.
func loops(folder string) ([]string, error) {
	devices, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, device := range devices {
		image, err := os.ReadFile(device)
		if err == nil && strings.HasPrefix(string(image), folder+"/") { // an error means that it was just released
			found = append(found, strings.TrimSpace(string(image)))
		}
	}
	return found, nil
}

// noLoops waits until no image below a folder has a loop device, which the kernel may release a moment after the mount.
func noLoops(folder string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		found, err := loops(folder)
		if err != nil || len(found) == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("loop devices of %v stay", found)
		}
	}
}

// newStore returns a store in temporary directories. Its mounts and loop devices are removed at the end of the test.
func newStore(t testing.TB) *Store {
	t.Helper()
	folder := t.TempDir()
	store, err := NewStore(filepath.Join(folder, "images"), filepath.Join(folder, "mounts"), Room{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unmountAll(t, store)
		if err := noLoops(folder); err != nil {
			t.Error(err)
		}
	})
	return store
}

// unmountAll unmounts the volumes, as the end of the node's mount namespace does.
func unmountAll(t testing.TB, store *Store) {
	t.Helper()
	for path := range mounts(t, store) {
		if err := unix.Unmount(path, 0); err != nil {
			t.Errorf("could not unmount %s: %v", path, err)
		}
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// mounts returns the device and options of each mounted directory. It fails the test if a directory is mounted twice.
func mounts(t testing.TB, store *Store) map[string]string {
	t.Helper()
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if !strings.HasPrefix(fields[1], store.mounts+"/") {
			continue
		}
		if found[fields[1]] != "" {
			t.Errorf("%s is mounted twice", fields[1])
		}
		found[fields[1]] = fields[0] + " " + fields[3]
	}
	return found
}

func makeVolume(t testing.TB, store *Store, name string, size int64) {
	t.Helper()
	if _, err := store.Make(name, size); err != nil {
		t.Fatal(err)
	}
}

// expectEntries fails the test if a directory holds anything but the names.
func expectEntries(t testing.TB, directory string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	if !slices.Equal(found, names) {
		t.Errorf("%s holds %q, want %q", directory, found, names)
	}
}
