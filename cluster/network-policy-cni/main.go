// Command network-policy-cni is the chained CNI plugin that holds a pod back until its network policies are in force.
package main

import (
	"os"

	"lectern/cluster/internal/announce"
)

func main() {
	os.Exit(announce.Run())
}
