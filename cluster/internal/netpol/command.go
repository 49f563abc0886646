package netpol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/knftables"
)

// options are the flags of the command.
type options struct {
	kubeconfig  string
	nodeName    string
	table       string
	healthzBind string
	bridge      string
	gate        string
	cleanup     bool
	limits      Limits
}

// NewCommand returns the command network-policy.
func NewCommand() *cobra.Command {
	var chosen options
	command := &cobra.Command{
		Use:           "network-policy",
		Short:         "Enforces NetworkPolicy on this node's pods with nftables",
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
	flags.StringVar(&chosen.kubeconfig, "kubeconfig", "", "file with the API server's address and a credential that may list and watch pods, namespaces and networkpolicies")
	flags.StringVar(&chosen.nodeName, "node-name", "", "node whose pods are isolated")
	flags.StringVar(&chosen.table, "table", "lectern_netpol", "name of the nftables tables (families inet and bridge)")
	flags.StringVar(&chosen.healthzBind, "healthz-bind-address", "", "address and port that answer /healthz; none when empty")
	flags.StringVar(&chosen.bridge, "bridge", "", "the pods' bridge, which needs --gate: a pod can send only under the addresses announced for its port, and nothing passes a port that was not announced")
	flags.StringVar(&chosen.gate, "gate", "", "socket on which the CNI plugin network-policy-cni announces pods before they start; none when empty")
	flags.IntVar(&chosen.limits.Policies, "max-policies", 512, "the most policies of a namespace; with more its pods are isolated; 0 for no limit")
	flags.IntVar(&chosen.limits.Elements, "max-elements", 8192, "the most rules and addresses to which a namespace's policies may compile; with more its pods are isolated; 0 for no limit")
	flags.IntVar(&chosen.limits.Flows, "max-connections", 4096, "the most connections that a pod on the bridge may have open at a time; 0 for no limit")
	flags.BoolVar(&chosen.cleanup, "cleanup", false, "remove the tables and end")
	return command
}

func run(ctx context.Context, chosen options) error {
	nft, err := knftables.New(knftables.InetFamily, chosen.table)
	if err != nil {
		return fmt.Errorf("could not use nftables: %w", err)
	}
	writer := NewWriter(nft)
	bridgeNFT, err := knftables.New(knftables.BridgeFamily, chosen.table)
	if err != nil && (chosen.bridge != "" || chosen.cleanup) {
		return fmt.Errorf("could not use nftables for bridges, which needs a kernel with NF_TABLES_BRIDGE: %w", err)
	}
	if chosen.cleanup {
		return errors.Join(writer.Remove(ctx), NewWriter(bridgeNFT).Remove(ctx))
	}
	if chosen.kubeconfig == "" || chosen.nodeName == "" {
		return errors.New("--kubeconfig and --node-name must be given")
	}
	if chosen.bridge != "" && chosen.gate == "" {
		return errors.New("--bridge needs --gate: without announcements no pod could send anything")
	}
	var onBridge *Writer
	if chosen.bridge != "" {
		onBridge = NewWriter(bridgeNFT)
	}
	if err := filterBridges(bridgeSettings); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", chosen.kubeconfig)
	if err != nil {
		return fmt.Errorf("could not read %s: %w", chosen.kubeconfig, err)
	}
	// Protobuf is half the work of JSON for both ends.
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("could not make a client of %s: %w", chosen.kubeconfig, err)
	}
	controller, err := NewController(client, Settings{NodeName: chosen.nodeName, Bridge: chosen.bridge, Limits: chosen.limits}, writer, onBridge)
	if err != nil {
		return err
	}
	if chosen.healthzBind != "" {
		if err := serveHealth(ctx, chosen.healthzBind, controller); err != nil {
			return err
		}
	}
	if chosen.gate != "" {
		if err := serveGate(ctx, chosen.gate, controller); err != nil {
			return err
		}
	}
	klog.InfoS("Enforcing network policies", "node", chosen.nodeName, "table", chosen.table)
	return controller.Run(ctx)
}

// serveHealth answers /healthz until the context ends: 200 if the rules are up to date, else 503 with the reason.
func serveHealth(ctx context.Context, address string, controller *Controller) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("could not serve /healthz: %w", err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(response http.ResponseWriter, _ *http.Request) {
		if err := controller.Healthy(); err != nil {
			http.Error(response, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(response, "ok")
	})
	serve(ctx, listener, routes)
	return nil
}

// serve serves the routes on the listener until the context ends.
func serve(ctx context.Context, listener net.Listener, routes http.Handler) {
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			klog.ErrorS(err, "No longer serving", "address", listener.Addr())
		}
	}()
	go func() {
		<-ctx.Done()
		if err := server.Close(); err != nil {
			klog.ErrorS(err, "Could not stop serving", "address", listener.Addr())
		}
	}()
}
