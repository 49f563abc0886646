package volumes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	gibibyte = 1 << 30
	// The default reserve is this fraction of the disk (one reserveShare-th), within these limits.
	reserveShare = 20
	leastReserve = 2 * gibibyte
	mostReserve  = 16 * gibibyte
)

// Room limits what may be promised on a disk. Images are sparse: they occupy what was written, and may grow to what was
// promised.
type Room struct {
	// Reserve is how much of the disk stays free for others, in bytes: etcd, databases, the system. Negative means the
	// default.
	Reserve int64
	// Overcommit limits how much all volumes together may still grow, as a multiple of what is free beyond the reserve.
	// With 1 every promise is covered; 0 means no limit.
	Overcommit float64
}

// disk is what a file system has, and what the volumes on it occupy and may occupy, in bytes.
type disk struct {
	size, free int64
	// promised is the size of all volumes, occupied how much of the disk they occupy.
	promised, occupied int64
}

// noRoom says why a volume is not made. It is no refusal, because the volume may be made later.
type noRoom struct {
	asked, free, reserve, growth int64
	overcommit                   float64
}

func (n noRoom) Error() string {
	return fmt.Sprintf("the disk has no room for a volume of %s: %s are free, of which %s are kept in reserve, and the volumes that exist may still grow by %s (allowed is %g times what is free beyond the reserve): ask for less, delete claims that nobody needs, or have the operator free space",
		binary(n.asked), binary(n.free), binary(n.reserve), binary(n.growth), n.overcommit)
}

func binary(bytes int64) string {
	return resource.NewQuantity(max(bytes, 0)&^(mebibyte-1), resource.BinarySI).String()
}

// reserve returns how much is kept free on a disk of the size.
func (r Room) reserve(size int64) int64 {
	if r.Reserve >= 0 {
		return r.Reserve
	}
	return min(max(leastReserve, size/reserveShare), mostReserve)
}

// check returns an error unless a volume of the size fits: by itself into what is free, and with all others into what may
// be promised.
func (r Room) check(asked int64, on disk) error {
	if r.Overcommit == 0 {
		return nil
	}
	reserve := r.reserve(on.size)
	spare, growth := on.free-reserve, max(on.promised-on.occupied, 0)
	if asked <= spare && float64(asked)+float64(growth) <= r.Overcommit*float64(spare) {
		return nil
	}
	return noRoom{asked: asked, free: on.free, reserve: reserve, growth: growth, overcommit: r.Overcommit}
}

// reserveRoom promises room for a volume that is about to be made, and returns a function that withdraws the promise.
// Volumes that are being made at the same time count.
func (s *Store) reserveRoom(name string, size int64) (func(), error) {
	s.making.Lock()
	defer s.making.Unlock()
	found, err := s.disk()
	if err != nil {
		return nil, err
	}
	for _, other := range s.underWay {
		found.promised += other
	}
	if err := s.room.check(size, found); err != nil {
		return nil, err
	}
	s.underWay[name] = size
	return func() {
		s.making.Lock()
		defer s.making.Unlock()
		delete(s.underWay, name)
	}, nil
}

// disk returns how full the disk of the images is.
func (s *Store) disk() (disk, error) {
	var found disk
	var err error
	if found.size, found.free, err = s.free(); err != nil {
		return disk{}, err
	}
	sizes, err := s.sizes()
	if err != nil {
		return disk{}, err
	}
	for _, one := range sizes {
		found.promised += one.promised
		found.occupied += one.occupied
	}
	return found, nil
}

// free returns the size of the disk and how much of it is free, in bytes.
func (s *Store) free() (int64, int64, error) {
	var system unix.Statfs_t
	if err := unix.Statfs(s.images, &system); err != nil {
		return 0, 0, fmt.Errorf("could not read how much of the disk is free: %w", err)
	}
	return int64(system.Blocks) * system.Bsize, int64(system.Bavail) * system.Bsize, nil
}

// sizes returns what each volume was promised and what it occupies.
func (s *Store) sizes() (map[string]disk, error) {
	entries, err := os.ReadDir(s.images)
	if err != nil {
		return nil, fmt.Errorf("could not list the volumes: %w", err)
	}
	sizes := map[string]disk{}
	for _, entry := range entries {
		name, whole := strings.CutSuffix(entry.Name(), imageSuffix)
		if !whole {
			continue
		}
		var image unix.Stat_t
		err := unix.Stat(filepath.Join(s.images, entry.Name()), &image)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it was just removed
		}
		if err != nil {
			return nil, fmt.Errorf("could not read how large volume %s is: %w", name, err)
		}
		sizes[name] = disk{promised: image.Size, occupied: image.Blocks * 512}
	}
	return sizes, nil
}
