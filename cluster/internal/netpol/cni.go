package netpol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// cniVersions are the versions of the CNI specification whose results have the same shape as far as this part reads.
var cniVersions = []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0"}

// cniConfig is this plugin's part of a network configuration list, as the runtime hands it over.
type cniConfig struct {
	CNIVersion string          `json:"cniVersion"`
	Socket     string          `json:"socket"`
	PrevResult json.RawMessage `json:"prevResult"`
}

// startPatience is how long a pod waits for an enforcer that is just starting: shorter than what the kubelet lets pass
// between two tries.
const startPatience = 5 * time.Second

// RunCNI is the chained CNI plugin that holds a pod back until the enforcer has its rules. It returns the exit code.
func RunCNI() int {
	err := runCNI(os.Getenv("CNI_COMMAND"), os.Getenv("CNI_ARGS"), os.Stdin, os.Stdout)
	if err == nil {
		return 0
	}
	failure := map[string]any{"cniVersion": "1.0.0", "code": 100, "msg": err.Error()}
	if encoded := json.NewEncoder(os.Stdout).Encode(failure); encoded != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func runCNI(command, arguments string, in io.Reader, out io.Writer) error {
	switch command {
	case "VERSION":
		return json.NewEncoder(out).Encode(map[string]any{"cniVersion": "1.0.0", "supportedVersions": cniVersions})
	case "ADD":
		var config cniConfig
		if err := json.NewDecoder(in).Decode(&config); err != nil {
			return fmt.Errorf("could not read the network configuration: %w", err)
		}
		one, err := announcementOf(config, arguments)
		if err != nil {
			return err
		}
		if err := announceTo(config.Socket, one); err != nil {
			return err
		}
		_, err = out.Write(config.PrevResult)
		return err
	default: // DEL and CHECK: the enforcer sees the pod's end by itself
		return nil
	}
}

// announcementOf joins the pod's name, which the runtime gives as arguments, with the addresses of the plugins before.
func announcementOf(config cniConfig, arguments string) (Announcement, error) {
	var one Announcement
	for _, pair := range strings.Split(arguments, ";") {
		key, value, _ := strings.Cut(pair, "=")
		switch key {
		case "K8S_POD_NAMESPACE":
			one.Namespace = value
		case "K8S_POD_NAME":
			one.Name = value
		case "K8S_POD_UID":
			one.UID = value
		}
	}
	if one.Namespace == "" || one.Name == "" {
		return one, errors.New("CNI_ARGS names no pod")
	}
	var result struct {
		IPs []struct {
			Address string `json:"address"`
		} `json:"ips"`
	}
	if err := json.Unmarshal(config.PrevResult, &result); err != nil {
		return one, fmt.Errorf("could not read the result of the plugins before (this one is chained after others): %w", err)
	}
	for _, ip := range result.IPs {
		prefix, err := netip.ParsePrefix(ip.Address)
		if err != nil {
			return one, fmt.Errorf("could not read the pod's address %q: %w", ip.Address, err)
		}
		one.Addresses = append(one.Addresses, prefix.Addr().Unmap())
	}
	return one, nil
}

func announceTo(socket string, one Announcement) error {
	body, err := json.Marshal(one)
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout: startPatience + gateTimeout + time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialGate(ctx, socket)
		}},
	}
	response, err := client.Post("http://gate"+gatePath, "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("could not reach the enforcer of network policies: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		reason, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return fmt.Errorf("the enforcer of network policies refused: %s", bytes.TrimSpace(reason))
	}
	return nil
}

// dialGate connects to the gate, and waits for it when it is not there yet.
func dialGate(ctx context.Context, socket string) (net.Conn, error) {
	started := time.Now()
	for {
		connection, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		starting := errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
		if !starting || time.Since(started) > startPatience {
			return connection, err
		}
		if !wait(ctx, 20*time.Millisecond) {
			return nil, err
		}
	}
}
