package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
	_ "github.com/coredns/coredns/plugin/template"
)

// init replaces CoreDNS' list of directives with those linked here, in the order in which a query passes them.
func init() {
	dnsserver.Directives = []string{
		"reload", "bind", "ready", "health", "errors", "log", "loadbalance", "cache",
		"template", "hosts", "kubernetes", "loop", "forward",
	}
}

// isCoreDNS returns whether CoreDNS registered the process-wide flag of this name.
func isCoreDNS(flagName string) bool {
	switch flagName {
	case "conf", "dns.port", "p", "pidfile", "plugins", "quiet", "version":
		return true
	}
	return false
}

func notCoreDNS(flagName string) bool { return !isCoreDNS(flagName) }
