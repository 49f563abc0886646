package volumes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const (
	// firstRetry and lastRetry bound the wait after a failure; it doubles in between.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 30 * time.Second
	// finishWithin is how long to wait at the end for volumes that are being made or deleted.
	finishWithin = 700 * time.Millisecond
	// requestsPerSecond and requestsAtOnce limit requests to the API server. The client's own limits, made for programs
	// that only watch, would delay claims: each costs about four requests.
	requestsPerSecond = 100
	requestsAtOnce    = 200
)

// options are the flags of the command.
type options struct {
	kubeconfig  string
	nodeName    string
	provisioner string
	imagesDir   string
	mountsDir   string
	healthzBind string
	reserve     string
	overcommit  float64
}

// NewCommand returns the command volumes.
func NewCommand() *cobra.Command {
	var chosen options
	command := &cobra.Command{
		Use:           "volumes",
		Short:         "Provisions volumes of limited size on this node's disk",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return run(ctx, chosen)
		},
	}
	flags := command.Flags()
	flags.StringVar(&chosen.kubeconfig, "kubeconfig", "", "file with the API server's address and a credential that may provision persistentvolumes")
	flags.StringVar(&chosen.nodeName, "node-name", "", "node that has the volumes (its label kubernetes.io/hostname)")
	flags.StringVar(&chosen.provisioner, "provisioner", "lectern.dev/node-volumes", "name by which storage classes choose this provisioner")
	flags.StringVar(&chosen.imagesDir, "images-dir", "", "directory of the volumes' images, kept as long as the cluster")
	flags.StringVar(&chosen.mountsDir, "mounts-dir", "", "directory where the volumes are mounted, always the same, as persistentvolumes name it")
	flags.StringVar(&chosen.healthzBind, "healthz-bind-address", "", "address and port that answer /healthz; none when empty")
	flags.StringVar(&chosen.reserve, "reserve", "", "what of the disk stays free, like 10Gi: with less, no volume is made, and pods that fill volumes are ended; when empty, 5 % of the disk, but at least 2Gi and at most 16Gi")
	flags.Float64Var(&chosen.overcommit, "overcommit", 8, "how many times what is free beyond the reserve all volumes may still grow; 1 promises nothing that the disk does not have, 0 anything")
	return command
}

func run(ctx context.Context, chosen options) error {
	if chosen.kubeconfig == "" || chosen.nodeName == "" || chosen.imagesDir == "" || chosen.mountsDir == "" {
		return errors.New("--kubeconfig, --node-name, --images-dir and --mounts-dir must be given")
	}
	images, imagesErr := filepath.Abs(chosen.imagesDir)
	mounts, mountsErr := filepath.Abs(chosen.mountsDir)
	if err := errors.Join(imagesErr, mountsErr); err != nil {
		return err
	}
	room, err := roomOf(chosen)
	if err != nil {
		return err
	}
	store, err := NewStore(images, mounts, room)
	if err != nil {
		return err
	}
	var mounted atomic.Bool
	if chosen.healthzBind != "" {
		if err := serveHealth(ctx, chosen.healthzBind, &mounted); err != nil {
			return err
		}
	}
	if err := store.MountAll(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	mounted.Store(true)
	return provision(ctx, chosen, &provisioner{store: store, nodeName: chosen.nodeName})
}

func roomOf(chosen options) (Room, error) {
	room := Room{Reserve: -1, Overcommit: chosen.overcommit}
	if chosen.reserve != "" {
		reserve, err := resource.ParseQuantity(chosen.reserve)
		if err != nil || reserve.Sign() < 0 {
			return room, fmt.Errorf("--reserve must be a size like 10Gi, not %q", chosen.reserve)
		}
		room.Reserve = reserve.Value()
	}
	if room.Overcommit < 0 {
		return room, fmt.Errorf("--overcommit must not be negative, like %g", room.Overcommit)
	}
	return room, nil
}

// provision runs the controller until the context ends.
func provision(ctx context.Context, chosen options, made *provisioner) error {
	config, err := clientcmd.BuildConfigFromFlags("", chosen.kubeconfig)
	if err != nil {
		return fmt.Errorf("could not read %s: %w", chosen.kubeconfig, err)
	}
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.QPS, config.Burst = requestsPerSecond, requestsAtOnce
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("could not make a client of %s: %w", chosen.kubeconfig, err)
	}
	running := controller.NewProvisionController(ctx, client, chosen.provisioner, made,
		controller.LeaderElection(false), // there is only one process
		controller.Threadiness(workers),
		// By default the first retry is after 15 seconds and the 15th is the last.
		controller.RateLimiter(retries()),
		controller.FailedProvisionThreshold(0),
		controller.FailedDeleteThreshold(0),
		// Retry an object that could not be saved. By default its volume would be deleted.
		controller.CreateProvisionedPVLimiter(retries()),
		// Deleting the object deletes the volume, too.
		controller.AddFinalizer(true),
	)
	if made.store.room.Overcommit > 0 {
		go (&guard{store: made.store, client: client, nodeName: made.nodeName}).run(ctx)
	}
	var working sync.WaitGroup
	running.ControllerWaitGroup(&working)
	klog.InfoS("Provisioning volumes", "node", chosen.nodeName, "provisioner", chosen.provisioner)
	running.Run(ctx)
	finish(&working)
	return nil
}

func retries() workqueue.TypedRateLimiter[string] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)
}

// finish waits a moment for work in progress. What is cut off is completed at the next start.
func finish(working *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		working.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(finishWithin):
		klog.InfoS("Ending while volumes are being made or deleted")
	}
}

// serveHealth answers /healthz until the context ends: 503 until the volumes are mounted, then 200.
func serveHealth(ctx context.Context, address string, mounted *atomic.Bool) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("could not serve /healthz: %w", err)
	}
	server := &http.Server{Handler: healthz(mounted), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			klog.ErrorS(err, "No longer serving", "address", listener.Addr())
		}
	}()
	context.AfterFunc(ctx, func() {
		if err := server.Close(); err != nil {
			klog.ErrorS(err, "Could not stop serving", "address", listener.Addr())
		}
	})
	return nil
}

func healthz(mounted *atomic.Bool) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(response http.ResponseWriter, _ *http.Request) {
		if !mounted.Load() {
			http.Error(response, "the volumes are not mounted yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(response, "ok")
	})
	return routes
}
