package main

import (
	"context"
	"flag"
	"os"

	coredns "github.com/coredns/coredns/coremain"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubectl: ways to authenticate
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of client-go
	_ "k8s.io/component-base/metrics/prometheus/version"  // metric of the version
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app"
	kubeadmutil "k8s.io/kubernetes/cmd/kubeadm/app/util/errors"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	"lectern/cluster/internal/etcdmend"
	"lectern/cluster/internal/netpol"
	"lectern/cluster/internal/volumes"
)

// parts returns the programs that are linked in.
func parts() []part {
	return []part{
		{"kube-apiserver", kubernetesVersion, component(func() *cobra.Command { return apiserver.NewAPIServerCommand() })},
		{"kube-controller-manager", kubernetesVersion, component(controllermanager.NewControllerManagerCommand)},
		{"kube-scheduler", kubernetesVersion, component(func() *cobra.Command { return scheduler.NewSchedulerCommand() })},
		{"kubelet", kubernetesVersion, component(func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) })},
		{"kube-proxy", kubernetesVersion, component(proxy.NewProxyCommand)},
		{"kubectl", kubernetesVersion, runKubectl},
		{"kubeadm", kubernetesVersion, runKubeadm},
		{"etcd", etcdVersion, runEtcd},
		{"etcd-mend", etcdVersion, component(etcdmend.NewCommand)},
		{"coredns", corednsVersion, runCoreDNS},
		{"network-policy", kubernetesVersion, component(netpol.NewCommand)},
		{"volumes", kubernetesVersion, component(volumes.NewCommand)},
	}
}

// component runs a cobra command, such as one of Kubernetes' daemons, as a part.
func component(build func() *cobra.Command) func() int {
	return func() int {
		keepFlags(notCoreDNS)
		return cli.Run(build())
	}
}

func runKubectl() int {
	keepFlags(notCoreDNS)
	// The verbosity must be set before the command is built, because finding plugins and reading kuberc already log.
	if _, err := logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)); err != nil {
		return 1
	}
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err) // prints the error and exits with the code that it carries
	}
	return 0
}

func runKubeadm() int {
	keepFlags(notCoreDNS)
	kubeadmutil.HandleError(kubeadm.Run()) // exits when there is an error
	return 0
}

func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}

func runCoreDNS() int {
	keepFlags(isCoreDNS)
	coredns.Run()
	return 0
}

// keepFlags removes all flags from the process-wide flag set that keep does not accept: packages register flags there
// when they are loaded, and a part must not offer another part's.
func keepFlags(keep func(name string) bool) {
	kept := flag.NewFlagSet(os.Args[0], flag.ExitOnError)
	flag.CommandLine.VisitAll(func(one *flag.Flag) {
		if keep(one.Name) {
			kept.Var(one.Value, one.Name, one.Usage)
		}
	})
	flag.CommandLine = kept
}
