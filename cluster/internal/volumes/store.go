// Package volumes provisions volumes of limited size on the disk of the single node.
//
// A volume is an image file with ext4 in it, mounted through a loop device. The store makes, mounts and removes such
// volumes, and the provisioner says what they are in Kubernetes' terms. When to do either is left to the controller of
// sig-storage-lib-external-provisioner.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"k8s.io/mount-utils"
)

const (
	mebibyte = 1 << 20
	// smallest is the least size of a volume in bytes; ext4 takes about two MiB of it for itself.
	smallest = 16 * mebibyte
	// largest is where rounding up would overflow. File systems refuse such sizes.
	largest = math.MaxInt64 &^ (mebibyte - 1)

	imageSuffix = ".img"
	// halfSuffix marks an image that is not whole yet.
	halfSuffix = ".new"

	// workers is how many volumes are worked on at once. More only wait for the disk and the loop devices.
	workers = 4
)

// Store keeps volumes as images in one directory and mounts them in another, each under its own name.
type Store struct {
	images  string
	mounts  string
	mounter mount.Interface
	room    Room
	// underWay are the sizes of volumes whose images are not there yet.
	making   sync.Mutex
	underWay map[string]int64
}

// NewStore returns the store of the two directories, which it makes where they are missing.
func NewStore(images, mounts string, room Room) (*Store, error) {
	for _, directory := range []string{images, mounts} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return nil, fmt.Errorf("could not make the directory of volumes: %w", err)
		}
	}
	// Without systemd: its scopes would take longer than the mounting.
	return &Store{images: images, mounts: mounts, mounter: mount.NewWithoutSystemd(""), room: room, underWay: map[string]int64{}}, nil
}

// Path returns where a volume is mounted.
func (s *Store) Path(name string) string { return filepath.Join(s.mounts, name) }

func (s *Store) image(name string) string { return filepath.Join(s.images, name+imageSuffix) }

// MountAll mounts the volumes that are not mounted, and removes what an interrupted Make left. A volume that cannot be
// mounted is logged, has no directory afterwards, and keeps no other from being mounted. When the context ends, it does
// not begin with another one.
func (s *Store) MountAll(ctx context.Context) error {
	entries, err := os.ReadDir(s.images)
	if err != nil {
		return fmt.Errorf("could not list the volumes: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), halfSuffix) {
			if err := os.Remove(filepath.Join(s.images, entry.Name())); err != nil {
				klog.ErrorS(err, "Could not remove a half-made volume", "image", entry.Name())
			}
		} else if name, found := strings.CutSuffix(entry.Name(), imageSuffix); found {
			names = append(names, name)
		}
	}
	workqueue.ParallelizeUntil(ctx, workers, len(names), func(index int) {
		if err := s.mount(names[index]); err != nil {
			klog.ErrorS(err, "Going on without a volume", "volume", names[index])
		}
	})
	return nil
}

// Make makes and mounts a volume of at least the size in bytes, and returns its size. One of that name which is there
// already, perhaps half done, is completed and keeps its own size. One that the disk has no room for is not begun. A
// failure leaves nothing behind.
func (s *Store) Make(name string, size int64) (int64, error) {
	info, err := os.Stat(s.image(name))
	fresh := errors.Is(err, fs.ErrNotExist)
	if fresh {
		if err := s.begin(name, rounded(size)); err != nil {
			return 0, fmt.Errorf("could not make volume %s: %w", name, err)
		}
		info, err = os.Stat(s.image(name))
	}
	if err == nil {
		err = s.mount(name)
	}
	if err == nil {
		err = s.settle(name)
	}
	if err != nil {
		if fresh { // an older image may hold something
			err = errors.Join(err, s.Remove(name))
		}
		return 0, err
	}
	return info.Size(), nil
}

// begin makes the image of a volume if the disk has room for it.
func (s *Store) begin(name string, size int64) error {
	release, err := s.reserveRoom(name, size)
	if err != nil {
		return err
	}
	defer release()
	return s.makeImage(name, size)
}

// rounded returns the size of the image for a volume that shall have so many bytes.
func rounded(size int64) int64 {
	return max((min(size, largest)+mebibyte-1)&^(mebibyte-1), smallest)
}

// makeImage makes a sparse image with an empty file system. It has its name only when it is whole and on the disk.
func (s *Store) makeImage(name string, size int64) (err error) {
	half := s.image(name) + halfSuffix
	defer func() {
		if err != nil {
			err = errors.Join(err, removed(half))
		}
	}()
	if err := os.WriteFile(half, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(half, size); err != nil {
		return err
	}
	// No blocks are reserved for root, and nothing is zeroed now or by the kernel later: the file is empty as it is.
	// mkfs.ext4 itself waits until what it wrote is on the disk.
	command := exec.Command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", half)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := os.Rename(half, s.image(name)); err != nil {
		return err
	}
	directory, err := os.Open(s.images)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// mount mounts a volume unless it is mounted. One that cannot be mounted has no directory, so that nobody takes an
// empty directory on the node's own disk for the volume.
func (s *Store) mount(name string) error {
	path := s.Path(name)
	mounted, err := s.mounter.IsMountPoint(path)
	if mounted {
		return nil
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(path, 0o700)
	}
	if err != nil {
		return fmt.Errorf("could not mount volume %s: %w", name, err)
	}
	// The loop device that mount(8) sets up is released with the last mount of it. What is deleted in the volume is given
	// back to the disk.
	if err := s.mounter.Mount(s.image(name), path, "ext4", []string{"loop", "nosuid", "nodev", "discard"}); err != nil {
		return errors.Join(fmt.Errorf("could not mount volume %s: %w", name, err), removed(path))
	}
	return nil
}

// settle opens a fresh volume to everybody, as pods run as any user, and makes it empty. Once lost+found is gone it
// does nothing, because from then on pods own the root directory and its mode.
func (s *Store) settle(name string) error {
	found := filepath.Join(s.Path(name), "lost+found")
	if _, err := os.Lstat(found); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := os.Chmod(s.Path(name), 0o777)
	if err == nil {
		err = os.Remove(found)
	}
	if err != nil {
		return fmt.Errorf("could not empty volume %s: %w", name, err)
	}
	return nil
}

// Remove unmounts and deletes a volume, or what is left of it.
func (s *Store) Remove(name string) error {
	path := s.Path(name)
	err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		klog.InfoS("Detaching a volume that is still in use", "volume", name)
		err = unix.Unmount(path, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	// ENOENT and EINVAL: it has no directory, or is not mounted.
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("could not unmount volume %s: %w", name, err)
	}
	// The image last: while it is there, the volume can be mounted again and this be repeated.
	for _, leftover := range []string{path, s.image(name)} {
		if err := removed(leftover); err != nil {
			return fmt.Errorf("could not delete volume %s: %w", name, err)
		}
	}
	return nil
}

// removed removes a file or an empty directory, which may be gone already.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
