package volumes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// unreachable is the kubeconfig of an API server that does not exist.
const unreachable = `apiVersion: v1
kind: Config
clusters: [{ name: none, cluster: { server: "https://127.0.0.1:1" } }]
contexts: [{ name: none, context: { cluster: none } }]
current-context: none
`

func TestVolumesAreMountedWithoutAnAPIServerAndStayAtTheEnd(t *testing.T) {
	store := newStore(t)
	makeVolume(t, store, "pvc-1", 1)
	unmountAll(t, store)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(unreachable), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, options{
			kubeconfig: kubeconfig, nodeName: "node", provisioner: "lectern.dev/test",
			imagesDir: store.images, mountsDir: store.mounts, healthzBind: address,
		})
	}()

	waitHealthy(t, "http://"+address+"/healthz")
	if found := mounts(t, store); len(found) != 1 {
		t.Errorf("it is ready, and mounted are %v", found)
	}
	began := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it ended after %v", took)
	}
	if found := mounts(t, store); len(found) != 1 {
		t.Errorf("after the end mounted are %v", found)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func waitHealthy(t *testing.T, url string) {
	t.Helper()
	err := errors.New("not asked")
	for deadline := time.Now().Add(10 * time.Second); err != nil; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it is not ready: %v", err)
		}
		var response *http.Response
		if response, err = http.Get(url); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				err = fmt.Errorf("it answers %s", response.Status)
			}
		}
	}
}

func TestItIsNotReadyBeforeTheVolumesAreMounted(t *testing.T) {
	var mounted atomic.Bool
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusOK} {
		response := httptest.NewRecorder()
		healthz(&mounted).ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/healthz", nil))
		if response.Code != want {
			t.Errorf("mounted is %v: it answers %d", mounted.Load(), response.Code)
		}
		mounted.Store(true)
	}
}

func TestTheDirectoriesMustBeGiven(t *testing.T) {
	if err := run(t.Context(), options{kubeconfig: "file", nodeName: "node"}); err == nil {
		t.Error("it ran without directories")
	}
}
