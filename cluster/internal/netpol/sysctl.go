package netpol

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// bridgeSettings are the kernel settings without which packets between two pods on one bridge pass no hook.
var bridgeSettings = []string{
	"/proc/sys/net/bridge/bridge-nf-call-iptables",
	"/proc/sys/net/bridge/bridge-nf-call-ip6tables",
}

// filterBridges turns on those of the bridge settings that are off. Whoever starts the enforcer restores them.
func filterBridges(paths []string) error {
	for _, path := range paths {
		value, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is missing: the kernel's br_netfilter is not loaded, and policies between pods would not hold", path)
		}
		if err != nil {
			return fmt.Errorf("could not read whether bridges are filtered: %w", err)
		}
		if strings.TrimSpace(string(value)) == "1" {
			continue
		}
		if err := os.WriteFile(path, []byte("1"), 0o644); err != nil {
			return fmt.Errorf("could not have bridges filtered: %w", err)
		}
	}
	return nil
}
