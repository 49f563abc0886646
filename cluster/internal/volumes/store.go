// Package volumes provisions volumes of limited size on the disk of the single node.
//
// A volume is an image file with ext4 in it, mounted through a loop device. The store makes, mounts and removes such
// volumes, and the provisioner describes them as Kubernetes objects. The controller of
// sig-storage-lib-external-provisioner decides when to do either.
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
	// smallest is the minimum size of a volume in bytes. ext4 uses about two MiB of it for itself.
	smallest = 16 * mebibyte
	// largest is the size beyond which rounding up would overflow. File systems refuse such sizes anyway.
	largest = math.MaxInt64 &^ (mebibyte - 1)

	imageSuffix = ".img"
	// halfSuffix marks an image that is not complete yet.
	halfSuffix = ".new"

	// workers is how many volumes are worked on at once. More would only wait for the disk and the loop devices.
	workers = 4
)

// Store keeps volumes as images in one directory and mounts them in another, each under its own name.
type Store struct {
	images  string
	mounts  string
	mounter mount.Interface
	room    Room
	// underWay holds the sizes of volumes whose images do not exist yet.
	making   sync.Mutex
	underWay map[string]int64
}

// NewStore returns a store in the two directories, which it creates if they are missing.
func NewStore(images, mounts string, room Room) (*Store, error) {
	for _, directory := range []string{images, mounts} {
		if err := os.MkdirAll(directory, 0o700); err != nil {
			return nil, fmt.Errorf("could not make the directory of volumes: %w", err)
		}
	}
	// Without systemd, because its scopes would take longer than the mount itself.
	return &Store{images: images, mounts: mounts, mounter: mount.NewWithoutSystemd(""), room: room, underWay: map[string]int64{}}, nil
}

// Path returns where a volume is mounted.
func (s *Store) Path(name string) string { return filepath.Join(s.mounts, name) }

func (s *Store) image(name string) string { return filepath.Join(s.images, name+imageSuffix) }

// MountAll mounts all volumes that are not mounted, and removes what an interrupted Make left. A volume that cannot be
// mounted is logged and has no directory afterwards; the others are mounted all the same. When the context ends, no
// further mounts are started.
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
			klog.ErrorS(err, "Could not mount a volume; going on without it", "volume", names[index])
		}
	})
	return nil
}

// Make makes and mounts a volume of at least the size in bytes, and returns its actual size. If a volume of that name
// exists already, perhaps half done, it is completed and keeps its own size. If the disk has no room for it, nothing is
// begun. A failure leaves nothing behind.
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
		if fresh { // an older image may hold data
			err = errors.Join(err, s.Remove(name))
		}
		return 0, err
	}
	return info.Size(), nil
}

// begin makes the image of a volume if the disk has room.
func (s *Store) begin(name string, size int64) error {
	release, err := s.reserveRoom(name, size)
	if err != nil {
		return err
	}
	defer release()
	return s.makeImage(name, size)
}

// rounded returns the size of the image for a volume of at least so many bytes.
func rounded(size int64) int64 {
	return max((min(size, largest)+mebibyte-1)&^(mebibyte-1), smallest)
}

// makeImage makes a sparse image with an empty file system. It gets its name only once it is complete and on the disk.
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
	// Reserve no blocks for root, and zero nothing now or in the kernel later: the file is empty anyway. mkfs.ext4 itself
	// waits until what it wrote is on the disk.
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

// mount mounts a volume unless it is mounted already. A volume that cannot be mounted has no directory, so that nobody
// mistakes an empty directory on the node's own disk for it.
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
	// The loop device that mount(8) sets up is released with its last mount. With discard, space that is freed in the
	// volume is returned to the disk.
	if err := s.mounter.Mount(s.image(name), path, "ext4", []string{"loop", "nosuid", "nodev", "discard"}); err != nil {
		return errors.Join(fmt.Errorf("could not mount volume %s: %w", name, err), removed(path))
	}
	return nil
}

// settle makes a fresh volume writable for everybody, because pods run as any user, and empties it. Once lost+found is
// gone it does nothing: from then on the root directory and its mode belong to the pods.
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

// Remove unmounts and deletes a volume, or what remains of it.
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
	// Delete the image last: as long as it exists, the volume can be mounted again and this can be repeated.
	for _, leftover := range []string{path, s.image(name)} {
		if err := removed(leftover); err != nil {
			return fmt.Errorf("could not delete volume %s: %w", name, err)
		}
	}
	return nil
}

// removed deletes a file or an empty directory. It is no error if that is gone already.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
