package volumes

import (
	"fmt"
	"sync/atomic"
	"testing"
)

// benchmarkSize is the size of the volumes in bytes.
const benchmarkSize = 1 << 30

func BenchmarkMakingAVolume(b *testing.B) {
	store := newStore(b)
	for index := 0; b.Loop(); index++ {
		makeVolume(b, store, fmt.Sprintf("pvc-%d", index), benchmarkSize)
	}
}

func BenchmarkMakingVolumesAtOnce(b *testing.B) {
	store := newStore(b)
	var made atomic.Int64
	b.SetParallelism(2) // times the cores
	b.RunParallel(func(each *testing.PB) {
		for each.Next() {
			if _, err := store.Make(fmt.Sprintf("pvc-%d", made.Add(1)), benchmarkSize); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkDeletingAVolume(b *testing.B) {
	store := newStore(b)
	for b.Loop() {
		b.StopTimer()
		makeVolume(b, store, "pvc-1", benchmarkSize)
		b.StartTimer()
		if err := store.Remove("pvc-1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMountingTwentyAgain(b *testing.B) {
	store := newStore(b)
	for index := range 20 {
		makeVolume(b, store, fmt.Sprintf("pvc-%d", index), benchmarkSize)
	}
	for b.Loop() {
		b.StopTimer()
		unmountAll(b, store)
		b.StartTimer()
		if err := store.MountAll(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
