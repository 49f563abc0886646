package etcdmend

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

const quota = 8 << 20

// smallEtcd starts an etcd with a small quota, and returns a client for it and its address.
func smallEtcd(t *testing.T) (*clientv3.Client, string) {
	t.Helper()
	config := embed.NewConfig()
	config.Dir = t.TempDir()
	config.LogLevel = "error"
	config.QuotaBackendBytes = quota
	config.UnsafeNoFsync = true
	any, err := url.Parse("http://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config.ListenClientUrls, config.ListenPeerUrls = []url.URL{*any}, []url.URL{*any}
	server, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(30 * time.Second):
		t.Fatal("etcd is not ready")
	}
	endpoint := "http://" + server.Clients[0].Addr().String()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, endpoint
}

// fill writes until etcd refuses, each time under the key for its number.
func fill(t *testing.T, ctx context.Context, client *clientv3.Client, key func(number int) string) {
	t.Helper()
	for number := range 200 {
		_, err := client.Put(ctx, key(number), strings.Repeat("x", 512<<10))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("etcd never ran out of its quota")
}

func TestAnEtcdFilledWithOldVersionsTakesWritesAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, endpoint := smallEtcd(t)
	fill(t, ctx, client, func(int) string { return "/one" })
	if err := Mend(ctx, client, endpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(ctx, "/other", "taken"); err != nil {
		t.Fatalf("etcd still refuses: %v", err)
	}
	found, err := client.Get(ctx, "/one")
	if err != nil || len(found.Kvs) != 1 || len(found.Kvs[0].Value) != 512<<10 {
		t.Fatalf("what was live is gone: %v %v", found, err)
	}
}

func TestAnEtcdFullOfLiveDataIsNamedAsSuch(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, endpoint := smallEtcd(t)
	fill(t, ctx, client, func(number int) string { return strings.Repeat("k", number+1) })
	if err := Mend(ctx, client, endpoint); err == nil || !strings.Contains(err.Error(), "are live") {
		t.Fatalf("expected a refusal, got %v", err)
	}
}

func TestAnEtcdThatIsWellIsLeftAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, endpoint := smallEtcd(t)
	for range 2 {
		if _, err := client.Put(ctx, "/one", "value"); err != nil {
			t.Fatal(err)
		}
	}
	if err := Mend(ctx, client, endpoint); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Get(ctx, "/one", clientv3.WithRev(2)); err != nil {
		t.Fatalf("its history was compacted: %v", err)
	}
}
