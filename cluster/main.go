// Command lectern-cluster is a whole single-node Kubernetes as one program: the upstream components, etcd and CoreDNS
// linked together, plus Lectern's own NetworkPolicy enforcer and volume provisioner.
//
// The program's own name selects the part to run (a link called kubectl is kubectl), or else the first argument does
// (lectern-cluster kubelet --config …). This package only selects the part. What each part does is up to the upstream
// module or to a package below internal.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	_ "time/tzdata" // CronJobs name time zones, and the machine may have no zoneinfo

	coredns "github.com/coredns/coredns/coremain"
	etcd "go.etcd.io/etcd/api/v3/version"
	kubernetes "k8s.io/component-base/version"
)

// part is one of the programs that are linked in.
type part struct {
	name    string
	version func() string
	// run takes over the process. It reads os.Args, as the upstream programs do, and returns the exit code.
	run func() int
}

func main() {
	name, args := choose(os.Args)
	chosen, found := find(name)
	switch {
	case found:
		os.Args = args
		os.Exit(chosen.run())
	case name == "--version" || name == "version":
		printVersions(os.Stdout)
	case name == "--help" || name == "help":
		printUsage(os.Stdout)
	case name == "":
		printUsage(os.Stderr)
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "lectern-cluster: there is no part called %q\n\n", name)
		printUsage(os.Stderr)
		os.Exit(2)
	}
}

// choose returns the part's name and the arguments that the part sees, its own name first. The name is empty if
// neither the program's name nor an argument gives one.
func choose(argv []string) (string, []string) {
	if len(argv) == 0 {
		return "", nil
	}
	if name := filepath.Base(argv[0]); isPart(name) {
		return name, argv
	}
	if len(argv) == 1 {
		return "", nil
	}
	return argv[1], argv[1:]
}

func isPart(name string) bool {
	_, found := find(name)
	return found
}

func find(name string) (part, bool) {
	for _, candidate := range parts() {
		if candidate.name == name {
			return candidate, true
		}
	}
	return part{}, false
}

func printVersions(out io.Writer) {
	for _, one := range parts() {
		fmt.Fprintf(out, "%s %s\n", one.name, one.version())
	}
}

func printUsage(out io.Writer) {
	fmt.Fprintln(out, "Usage: lectern-cluster PART [FLAGS], or through a link named like the part.\n\nParts:")
	for _, one := range parts() {
		fmt.Fprintf(out, "  %s\n", one.name)
	}
	fmt.Fprintln(out, "\nlectern-cluster --version lists them with their versions.")
}

func kubernetesVersion() string { return kubernetes.Get().GitVersion }

func etcdVersion() string { return "v" + etcd.Version }

func corednsVersion() string { return "v" + coredns.CoreVersion }
