package announce

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

// cniVersions are the versions of the CNI specification whose results have the same shape, as far as this plugin reads
// them.
var cniVersions = []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0"}

// cniConfig is this plugin's part of a network configuration list, as the runtime passes it.
type cniConfig struct {
	CNIVersion string          `json:"cniVersion"`
	Socket     string          `json:"socket"`
	PrevResult json.RawMessage `json:"prevResult"`
}

// startPatience is how long a pod waits for an enforcer that is just starting: less than the time between two attempts of
// the kubelet.
const startPatience = 5 * time.Second

// Run runs the chained CNI plugin that holds a pod back until the enforcer has written its rules. It returns the exit
// code.
func Run() int {
	err := Plugin(os.Getenv("CNI_COMMAND"), os.Getenv("CNI_ARGS"), os.Stdin, os.Stdout)
	if err == nil {
		return 0
	}
	failure := map[string]any{"cniVersion": "1.0.0", "code": 100, "msg": err.Error()}
	if encoded := json.NewEncoder(os.Stdout).Encode(failure); encoded != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

// Plugin answers one call of the runtime: what it asks for (CNI_COMMAND), about which pod (CNI_ARGS), and the network
// configuration.
func Plugin(command, arguments string, in io.Reader, out io.Writer) error {
	switch command {
	case "VERSION":
		return json.NewEncoder(out).Encode(map[string]any{"cniVersion": "1.0.0", "supportedVersions": cniVersions})
	case "ADD":
		config, one, err := readAnnouncement(arguments, in)
		if err != nil {
			return err
		}
		if err := callGate(http.MethodPost, config.Socket, one, startPatience); err != nil {
			return err
		}
		_, err = out.Write(config.PrevResult)
		return err
	case "DEL":
		// The pod ends even without an answer: the enforcer notices by itself that its interface is gone.
		if config, one, err := readAnnouncement(arguments, in); err == nil {
			_ = callGate(http.MethodDelete, config.Socket, one, 0)
		}
		return nil
	default: // CHECK
		return nil
	}
}

func readAnnouncement(arguments string, in io.Reader) (cniConfig, Announcement, error) {
	var config cniConfig
	if err := json.NewDecoder(in).Decode(&config); err != nil {
		return config, Announcement{}, fmt.Errorf("could not read the network configuration: %w", err)
	}
	one, err := announcementOf(config, arguments)
	return config, one, err
}

// announcementOf combines the pod's name, which the runtime passes as arguments, with the addresses that earlier plugins
// assigned.
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
		Interfaces []struct {
			Name    string `json:"name"`
			MAC     string `json:"mac"`
			Sandbox string `json:"sandbox"`
		} `json:"interfaces"`
		IPs []struct {
			Address string `json:"address"`
		} `json:"ips"`
	}
	if err := json.Unmarshal(config.PrevResult, &result); err != nil {
		return one, fmt.Errorf("could not read the result of the plugins before (this one is chained after others): %w", err)
	}
	for _, found := range result.Interfaces {
		if found.Sandbox == "" {
			one.Interfaces = append(one.Interfaces, found.Name)
		} else if one.MAC == "" {
			one.MAC = found.MAC
		}
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

// callGate sends an announcement to the enforcer, or with DELETE withdraws it. If the enforcer does not listen yet, it
// retries until the patience is over.
func callGate(method, socket string, one Announcement, patience time.Duration) error {
	body, err := json.Marshal(one)
	if err != nil {
		return err
	}
	client := &http.Client{
		Timeout: patience + Timeout + time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialGate(ctx, socket, patience)
		}},
	}
	request, err := http.NewRequest(method, "http://gate"+Path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
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

// dialGate connects to the gate, and retries until the patience is over if nobody listens yet.
func dialGate(ctx context.Context, socket string, patience time.Duration) (net.Conn, error) {
	started := time.Now()
	for {
		connection, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
		starting := errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED)
		if !starting || time.Since(started) > patience {
			return connection, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
